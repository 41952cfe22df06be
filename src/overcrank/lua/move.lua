-- Compare and set: a job goes from one state to the next, with its fields, its indexes and when to look at it again.
-- What its attempt came to may be booked in the same step, above all that it bought nothing: else whoever found the job
-- between the two could send an attempt that has no money and no slot. Where it is booked in others by now, nothing moves.
-- An attempt that is given back before it was claimed was never sent: its permit returns too.
-- KEYS: 1 job 2 due 3 from 4 to 5 counters 6 unsent 7 news 8 attempt 9 slots 10 journal 11 open 12 wake 13 parked
--       14 afoot 15 lane 16 limits 17 lane_window 18 lane_day 19 project_window 20 project_day 21 unique
-- ARGV: 1 job_id 2 old 3 version 4 new 5 due_in_us 6 ttl_s 7 resend 8 booked 9 cost 10 booked_version
--       11 attempt_ttl_s 12 window_ttl_s 13 now_us 14.. field, value
-- RETURNS: {'moved', version, now, booked} | {'stale', state, version}
local job, due, from, to, counters, unsent, news = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local attempt, slots, journal, open, wake, parked, afoot = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local lane, limits, lane_window, lane_day, project_window, project_day = KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19], KEYS[20]
local unique = KEYS[21]
local job_id, old, version, new, due_in_us, ttl_s, resend = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local booked, cost, booked_version = ARGV[8], num(ARGV[9]), num(ARGV[10])
local attempt_ttl_s, window_ttl_s = ARGV[11], ARGV[12]
local now = clock(ARGV[13])
local is = redis.call('HMGET', job, 'state', 'version', 'score', 'quote', 'admitted')
if is[1] ~= old or (version ~= '' and is[2] ~= version) then return {'stale', is[1] or 'unknown', is[2] or '0'} end
local told = {''}
if booked ~= '' then
  local report = {state = cost > 0 and 'charged' or 'released', cost = cost, version = booked_version, keep = false, free = true}
  local books, keep_for = {lane_window, lane_day, project_window, project_day}, {attempt_s = attempt_ttl_s, window_s = window_ttl_s}
  told = book(attempt, slots, journal, open, books, wake, booked, report, keep_for, now)
  if told[1] == 'unknown' then return {'stale', is[1], is[2]} end
  if old == 'admitted' and told[1] == 'settled' and cost == 0 then untake(lane, limits, booked, num(is[5]), now) end
end
local fresh = redis.call('HINCRBY', job, 'version', 1)
redis.call('HSET', job, 'state', new, 'updated', int(now), unpack(ARGV, 14))
redis.call('ZREM', from, job_id)
redis.call('ZADD', to, new == 'queued' and is[3] or int(now), job_id)
if old == 'parked' then redis.call('ZREM', parked, job_id) end
local promised = old == 'queued' and redis.call('HGET', afoot, job_id) -- room kept for it since it was let go
if promised then
  redis.call('HDEL', afoot, job_id); redis.call('HINCRBY', afoot, 'sum', int(-num(promised)))
end
local waited, waits = old == 'queued' or old == 'parked', new == 'queued' or new == 'parked'
if waited ~= waits then redis.call('HINCRBY', counters, 'waiting_cost', int(waits and num(is[4]) or -num(is[4]))) end
if due_in_us == '' then redis.call('ZREM', due, job_id) else redis.call('ZADD', due, int(now + num(due_in_us)), job_id) end
if resend == '1' then redis.call('ZADD', unsent, int(now), job_id) else redis.call('ZREM', unsent, job_id) end
if ttl_s ~= '' then -- an end
  redis.call('EXPIRE', job, ttl_s)
  redis.call('EXPIRE', unique, attempt_ttl_s) -- never before the job's end, or its key would buy again
  redis.call('HINCRBY', counters, new, 1)
  redis.call('PUBLISH', news, job_id)
end
return {'moved', int(fresh), int(now), told[1]}
