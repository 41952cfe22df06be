-- Write a new job's record, once, and put it among the queued; the same unique key twice is the same job. The key stays
-- for as long as the job lives: `move` lets it expire.
-- KEYS: 1 job 2 unique 3 queued 4 unsent 5 counters
-- ARGV: 1 job_id 2 keyed 3 boost_us 4 state 5 sent 6 now_us 7.. field, value
-- RETURNS: {'entered', job_id, now} | {'known', id of the job that is there already, now}
local job, unique, queued, unsent, counters = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local job_id, keyed, boost_us, state, sent = ARGV[1], ARGV[2], num(ARGV[3]), ARGV[4], ARGV[5]
local now = clock(ARGV[6])
if redis.call('EXISTS', job) == 1 then return {'known', job_id, int(now)} end
if keyed == '1' then
  local other = redis.call('GET', unique)
  if other and other ~= job_id then return {'known', other, int(now)} end
  redis.call('SET', unique, job_id)
end
local score = int(now - boost_us)
redis.call('HSET', job, 'state', state, 'version', 1, 'created', int(now), 'score', score, 'attempt_no', 1, 'tries', 0,
  unpack(ARGV, 7))
redis.call('ZADD', queued, score, job_id)
if sent == '0' then redis.call('ZADD', unsent, int(now), job_id) end
redis.call('HINCRBY', counters, 'entered', 1)
redis.call('HINCRBY', counters, 'waiting_cost', int(num(redis.call('HGET', job, 'quote'))))
return {'entered', job_id, int(now)}
