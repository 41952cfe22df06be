-- Set when somebody must look at a job again, and what was seen, where the job still is as the caller saw it.
-- KEYS: 1 job 2 due
-- ARGV: 1 job_id 2 state 3 version 4 due_in_us 5 now_us 6.. field, value
-- RETURNS: {'set', now} | {'moved', state}
local job, due = KEYS[1], KEYS[2]
local job_id, state, version, due_in_us = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now = clock(ARGV[5])
local is = redis.call('HMGET', job, 'state', 'version')
if is[1] ~= state or is[2] ~= version then return {'moved', is[1] or 'unknown'} end
if #ARGV > 5 then redis.call('HSET', job, unpack(ARGV, 6)) end
if due_in_us ~= '' then redis.call('ZADD', due, 'XX', int(now + num(due_in_us)), job_id) end
return {'set', int(now)}
