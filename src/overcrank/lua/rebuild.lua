-- Put books and attempts back as the journal has them, as absolute values under a new epoch; nothing where it has gone on.
-- KEYS: 1 lane 2 journal 3 open 4 slots 5 wake 6.. restored
-- ARGV: 1 last_entry 2 epoch 3 debt_us 4 now_us 5.. ttl_s, open_id, open_at, slot_until, fields
-- RETURNS: {'rebuilt', epoch} | {'moved', last_entry}
local lane, journal, open, slots, wake = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local last_entry, epoch, debt_us = ARGV[1], ARGV[2], num(ARGV[3])
local now = clock(ARGV[4])
local newest = redis.call('XREVRANGE', journal, '+', '-', 'COUNT', 1)[1]
if newest and newest[1] ~= last_entry then return {'moved', newest[1]} end
for i = 6, #KEYS do
  local at = 5 + (i - 6) * 5
  local fields = cjson.decode(ARGV[at + 4])
  if ARGV[at + 1] ~= '' then
    redis.call('ZADD', open, ARGV[at + 2], ARGV[at + 1])
    if num(ARGV[at + 3]) > now then redis.call('ZADD', slots, 'NX', ARGV[at + 3], ARGV[at + 1]) end
  end
  redis.call('HSET', KEYS[i], unpack(fields))
  if ARGV[at] == '' then redis.call('PERSIST', KEYS[i]) else redis.call('EXPIRE', KEYS[i], ARGV[at]) end
end
redis.call('HSET', lane, 'epoch', epoch)
redis.call('HSETNX', lane, 'tat', int(now + debt_us)) -- how fast it went is not known any more
redis.call('XADD', journal, '*', 'entry', 'rebuild', 'epoch', epoch, 'restored', #KEYS - 5)
redis.call('PUBLISH', wake, 'budget')
return {'rebuilt', epoch}
