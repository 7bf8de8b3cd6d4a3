-- For wrk: post one event again and again, each time under an id of its own.
-- wrk ... -- BODY_FILE ID_IN_BODY PREFIX AUTHORIZATION

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local body = file:read("*a")
  file:close()
  local first, last = body:find(arguments[2], 1, true)
  head, tail = body:sub(1, first - 1), body:sub(last + 1)
  prefix, count = arguments[3] .. number .. "_", 0
  headers = { ["Content-Type"] = "application/json", ["Authorization"] = arguments[4] }
end

function request()
  count = count + 1
  return wrk.format("POST", "/webhooks/chargebee", headers, head .. prefix .. count .. tail)
end

function done(summary, latency, requests)
  local failed = summary.errors
  io.write(string.format("FIGURES %d %d %f %f %f\n", summary.requests,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
