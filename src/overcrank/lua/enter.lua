-- Write a new job's record, once; the same unique key twice is the same job, for as long as that lives: `move` lets the
-- key expire. Where another job makes the same film, the new one follows it and is not queued; but where it is more
-- urgent and the other still waits, it leads.
-- The caller believes to know who leads; where that is another by now, nothing is written.
-- KEYS: 1 job 2 unique 3 same 4 alike 5 leading 6 followers 7 own_followers 8 urgent 9 normal 10 bulk 11 following
--       12 unsent 13 due 14 counters 15 wake 16 background
-- ARGV: 1 job_id 2 keyed 3 boost_us 4 state 5 sent 6 priority 7 wants 8 film 9 leader 10 share_ttl_s 11 look_us
--       12 now_us 13.. field, value
-- RETURNS: {'entered', job_id, now} | {'following', leader, now} | {'known', id of the job that is there already, now}
--          | {'led', who leads or nothing, now}
local job, unique, same, alike, leading, followers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local own_followers, urgent, normal, bulk, following = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local unsent, due, counters, wake, background = KEYS[12], KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local job_id, keyed, boost_us, state, sent = ARGV[1], ARGV[2], num(ARGV[3]), ARGV[4], ARGV[5]
local priority, wants, film, leader, share_ttl_s, look_us = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], num(ARGV[11])
local now = clock(ARGV[12])
if redis.call('EXISTS', job) == 1 then return {'known', job_id, int(now)} end
if keyed == '1' then
  local other = redis.call('GET', unique)
  if other and other ~= job_id then return {'known', other, int(now)} end
end
local asked = wants == 'same' or wants == 'alike'
local key = wants == 'alike' and alike or same
local leads = asked and (redis.call('GET', key) or '') or leader
if leads ~= leader then return {'led', leads, int(now)} end
local is = leader == '' and {} or redis.call('HMGET', leading, 'state', 'priority', 'wants', 'film', 'quote')
local follows = wants == 'named' or asked and serves(is[1])
local queues, rank = {urgent = urgent, normal = normal, bulk = bulk}, {urgent = 1, normal = 2, bulk = 3}
local queued, behind = queues[priority], queues[is[2]]
if asked and is[1] == 'queued' and rank[priority] < rank[is[2]] then -- following would make it wait longer
  follows = false
  if is[3] and is[3] ~= '' and is[4] == film then -- and any of the two serves the other
    redis.call('HSET', leading, 'state', 'following', 'leader', job_id, 'updated', int(now))
    redis.call('HINCRBY', leading, 'version', 1)
    redis.call('ZREM', behind, leader)
    redis.call('ZREM', unsent, leader)
    redis.call('ZADD', following, int(now), leader)
    redis.call('ZADD', due, int(now + look_us), leader)
    redis.call('SADD', own_followers, leader)
    redis.call('EXPIRE', own_followers, share_ttl_s)
    redis.call('HINCRBY', counters, 'waiting_cost', int(-num(is[5])))
    if redis.call('GET', alike) == leader then redis.call('DEL', alike) end
  end
end
if keyed == '1' then redis.call('SET', unique, job_id) end
local score = int(now - boost_us)
redis.call('HSET', job, 'state', follows and 'following' or state, 'version', 1, 'created', int(now), 'score', score,
  'attempt_no', 1, 'tries', 0, unpack(ARGV, 13))
redis.call('HINCRBY', counters, 'entered', 1)
if redis.call('EXISTS', background) == 1 then redis.call('HINCRBY', background, 'users', 1) end
if follows then
  redis.call('ZADD', following, int(now), job_id)
  redis.call('SADD', followers, job_id)
  redis.call('EXPIRE', followers, share_ttl_s)
  redis.call('ZADD', due, int(is[1] == 'succeeded' and now or now + look_us), job_id)
  if is[1] == 'succeeded' then redis.call('PUBLISH', wake, 'due') end
  return {'following', leader, int(now)}
end
if film ~= '' then lead(same, job_id, share_ttl_s, wants == 'same') end
if share_ttl_s ~= '' then lead(alike, job_id, share_ttl_s, wants == 'alike') end
redis.call('ZADD', queued, score, job_id)
if sent == '0' then redis.call('ZADD', unsent, int(now), job_id) end
redis.call('HINCRBY', counters, 'waiting_cost', int(num(redis.call('HGET', job, 'quote'))))
return {'entered', job_id, int(now)}
