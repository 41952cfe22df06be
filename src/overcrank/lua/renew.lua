-- A worker's heartbeat: it is alive, and so are the jobs it has in hand, where they still are in the state it says.
-- KEYS: 1 workers 2 due 3.. job
-- ARGV: 1 worker 2 lease_us 3 now_us 4.. job_id, state
-- RETURNS: how many jobs were renewed
local workers, due = KEYS[1], KEYS[2]
local worker, lease_us = ARGV[1], num(ARGV[2])
local now = clock(ARGV[3])
redis.call('ZADD', workers, int(now + lease_us), worker)
redis.call('ZREMRANGEBYSCORE', workers, '-inf', int(now - 3600000000))
local renewed = 0
for i = 3, #KEYS do
  if redis.call('HGET', KEYS[i], 'state') == ARGV[2 * i - 1] then
    renewed = renewed + redis.call('ZADD', due, 'XX', 'CH', int(now + lease_us), ARGV[2 * i - 2])
  end
end
return renewed
