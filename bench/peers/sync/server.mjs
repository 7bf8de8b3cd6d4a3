// @supabase/stripe-sync-engine behind node:http, in two processes. Arguments: PORT DATABASE_URL SIGNING_SECRET
import cluster from 'node:cluster'
import http from 'node:http'
import { createRequire } from 'node:module'

const require = createRequire(process.env.NODE_HOME + '/')
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine')
const [port, databaseUrl, stripeWebhookSecret] = process.argv.slice(2)

if (cluster.isPrimary) {
  await runMigrations({ databaseUrl, schema: 'stripe' })
  for (let worker = 0; worker < 2; worker++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill()
    process.exit(0)
  })
} else {
  const sync = new StripeSync({
    poolConfig: { connectionString: databaseUrl, max: 8, keepAlive: true },
    stripeSecretKey: 'sk_test_bench',
    stripeWebhookSecret,
    autoExpandLists: false,
    backfillRelatedEntities: false,
  })
  const answer = (response, status) => response.writeHead(status, { 'Content-Length': 0 }).end()
  http
    .createServer((request, response) => {
      const parts = []
      request.on('data', (part) => parts.push(part))
      request.on('end', async () => {
        try {
          await sync.processWebhook(Buffer.concat(parts), request.headers['stripe-signature'])
          answer(response, 200)
        } catch (error) {
          console.error(error)
          answer(response, 500)
        }
      })
    })
    .listen(Number(port), '127.0.0.1')
}
