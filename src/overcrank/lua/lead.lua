-- A follower whose leader has no clip for it: it leads, and is queued to pay itself; or it follows who leads by now.
-- The caller believes to know who that is; where it is another, nothing is written.
-- KEYS: 1 job 2 same 3 alike 4 leading 5 followers 6 queued 7 following 8 unsent 9 due 10 counters
-- ARGV: 1 job_id 2 version 3 gone 4 leader 5 share_ttl_s 6 look_us 7 now_us
-- RETURNS: {'leads', version, now} | {'follows', version, now} | {'led', who leads or nothing, now} | {'stale', state, version}
local job, same, alike, leading, followers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local queued, following, unsent, due, counters = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local job_id, version, gone, leader, share_ttl_s, look_us = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], num(ARGV[6])
local now = clock(ARGV[7])
local is = redis.call('HMGET', job, 'state', 'version', 'score', 'quote', 'wants', 'film')
if is[1] ~= 'following' or is[2] ~= version then return {'stale', is[1] or 'unknown', is[2] or '0'} end
local key = is[5] == 'alike' and alike or same
local leads = redis.call('GET', key) or ''
if leads ~= leader then return {'led', leads, int(now)} end
local fresh = redis.call('HINCRBY', job, 'version', 1)
if leader ~= '' and leader ~= gone and leader ~= job_id and serves(redis.call('HGET', leading, 'state')) then
  redis.call('HSET', job, 'leader', leader)
  redis.call('SADD', followers, job_id)
  redis.call('EXPIRE', followers, share_ttl_s)
  redis.call('ZADD', due, int(now + look_us), job_id)
  return {'follows', int(fresh), int(now)}
end
if is[6] and is[6] ~= '' then lead(same, job_id, share_ttl_s, is[5] == 'same' or redis.call('GET', same) == gone) end
lead(alike, job_id, share_ttl_s, is[5] == 'alike' or redis.call('GET', alike) == gone)
redis.call('HSET', job, 'state', 'queued', 'leader', '', 'updated', int(now))
redis.call('ZREM', following, job_id)
redis.call('ZREM', due, job_id)
redis.call('ZADD', queued, is[3], job_id)
redis.call('ZADD', unsent, int(now), job_id)
redis.call('HINCRBY', counters, 'waiting_cost', int(num(is[4])))
return {'leads', int(fresh), int(now)}
