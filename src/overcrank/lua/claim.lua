-- Decide who may send: the worker whose permit is fresh goes from admitted to submitting, and nobody else does. A permit
-- is for the window and day it was reserved in, and no more when they are about to end: the next bill has no room for it.
-- To whom it goes and what exactly is sent is frozen with it: sent again, it is the same to the same, or not at all.
-- Repeated it says "moved": bytes may have left after a "go" whose answer was lost, so the job is in doubt, not sent twice.
-- KEYS: 1 job 2 attempt 3 due 4 admitted 5 submitting 6 lane 7 limits 8 lane_window 9 lane_day 10 project_window 11 project_day
-- ARGV: 1 job_id 2 attempt_id 3 worker 4 start 5 length 6 day 7 permit_us 8 lease_us 9 sent_to 10 model 11 body 12 now_us
-- RETURNS: {'go', version, now, troubled} | {'aged', version} | {'moved', state} | {'window', start, length, day}
local job, attempt, due, admitted, submitting, lane, limits = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local lane_window, lane_day, project_window, project_day = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local job_id, attempt_id, worker, start, length, day = ARGV[1], ARGV[2], ARGV[3], num(ARGV[4]), num(ARGV[5]), num(ARGV[6])
local permit_us, lease_us, sent_to, model, body = num(ARGV[7]), num(ARGV[8]), ARGV[9], ARGV[10], ARGV[11]
local now = clock(ARGV[12])
local is = redis.call('HMGET', job, 'state', 'attempt', 'version')
local held = redis.call('HMGET', attempt, 'worker', 'admitted', 'state', 'books')
if is[1] ~= 'admitted' or is[2] ~= attempt_id or held[1] ~= worker or held[3] ~= 'reserved' then
  return {'moved', is[1] or 'unknown'}
end
local set = num(redis.call('HGET', limits, 'window'))
local other = set > 0 and another_window(set, start, length, day, now)
if other then return other end
local current = table.concat({lane_window, lane_day, project_window, project_day}, ' ')
if now - num(held[2]) > permit_us or set == 0 or held[4] ~= current or ends_soon(start, length, day, now) then
  return {'aged', is[3]}
end
local version = redis.call('HINCRBY', job, 'version', 1)
redis.call('HSET', job, 'state', 'submitting', 'sent', int(now), 'sent_to', sent_to, 'model', model)
redis.call('HSET', attempt, 'state', 'submitting', 'sent', int(now), 'body', body)
local credit = num(redis.call('HGET', lane, 'credit') or RETRY_CREDIT)
if credit < RETRY_CREDIT then redis.call('HSET', lane, 'credit', int(credit + 1)) end
redis.call('ZREM', admitted, job_id)
redis.call('ZADD', submitting, int(now), job_id)
redis.call('ZADD', due, int(now + lease_us), job_id)
return {'go', int(version), int(now), redis.call('HEXISTS', lane, 'bad')} -- troubled: say so when the answer is good
