"""The receiver: takes Chargebee's webhooks, stores them, answers. Small enough to audit in one sitting."""
