-- Take a job from among those that ask the gate; its message goes back to its queue.
-- KEYS: 1 holders 2 present 3 quotes
-- ARGV: 1 job_id
-- RETURNS: 1 where it was there, else 0
local holders, present, quotes = KEYS[1], KEYS[2], KEYS[3]
local job_id = ARGV[1]
redis.call('ZREM', present, job_id)
redis.call('HDEL', quotes, job_id)
return redis.call('ZREM', holders, job_id)
