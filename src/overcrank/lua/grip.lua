-- Take a job's bytes in hand: one run at a time has them. One that fetches is counted until it has come back.
-- KEYS: 1 hand 2 job
-- ARGV: 1 worker 2 lease_ms 3 counted
-- RETURNS: -1 where another has them, else how many runs have begun and not come back; 0 where this one is not counted
local hand, job = KEYS[1], KEYS[2]
local worker, lease_ms, counted = ARGV[1], ARGV[2], ARGV[3]
if not redis.call('SET', hand, worker, 'NX', 'PX', lease_ms) then return -1 end
if counted ~= '1' or redis.call('EXISTS', job) == 0 then return 0 end -- it may have been retired meanwhile
return redis.call('HINCRBY', job, 'runs', 1)
