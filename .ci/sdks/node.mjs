// A shop's Node.js server, with Segment's own SDK: identifies a person and tells what they did.
// WAYLINE, WRITE_KEY: where to send; PERSON, PHONE: who. Prints nothing and exits with 0 when everything was delivered.
import { Analytics } from '@segment/analytics-node'

const failures = []
const analytics = new Analytics({
  writeKey: process.env.WRITE_KEY,
  host: process.env.WAYLINE,
  path: '/v1/batch',
  flushAt: 3,
})
analytics.on('error', (error) => failures.push(error))
const userId = process.env.PERSON
analytics.identify({ userId, traits: { phone: process.env.PHONE, first_name: 'Nora', timezone: 'America/New_York' } })
analytics.page({ userId, name: 'Shop', properties: { path: '/shop' } })
analytics.group({ userId, groupId: 'club' })
analytics.track({ userId, event: 'signed_up', properties: { plan: 'Gold' }, messageId: `${userId}-signed-up` })
// The same message again: an SDK repeats what was not acknowledged.
analytics.track({ userId, event: 'signed_up', properties: { plan: 'Gold' }, messageId: `${userId}-signed-up` })
analytics.alias({ userId, previousId: `${userId}-visitor` })
await analytics.closeAndFlush({ timeout: 10000 })
if (failures.length > 0) {
  console.error(failures)
  process.exit(1)
}
