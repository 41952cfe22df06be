-- Put books and attempts back as the journal has them, as absolute values under a new epoch; nothing where it has gone on.
-- With them goes what is allowed, so that not even one admission lies between the books and their caps.
-- KEYS: 1 lane 2 journal 3 open 4 slots 5 wake 6 caps 7 limits 8.. restored
-- ARGV: 1 last_entry 2 epoch 3 debt_us 4 window 5 day 6 now_us 7.. ttl_s, open_id, open_at, slot_until, fields
-- RETURNS: {'rebuilt', epoch} | {'moved', last_entry}
local lane, journal, open, slots, wake, caps, limits = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local last_entry, epoch, debt_us, window, day = ARGV[1], ARGV[2], num(ARGV[3]), ARGV[4], ARGV[5]
local now = clock(ARGV[6])
local newest = redis.call('XREVRANGE', journal, '+', '-', 'COUNT', 1)[1]
newest = newest and newest[1] or '0-0'
if newest ~= last_entry then return {'moved', newest} end
local said = {[caps] = false, [limits] = false} -- whether an operator said anything
redis.call('DEL', open)
for i = 8, #KEYS do
  local at = 7 + (i - 8) * 5
  local fields = cjson.decode(ARGV[at + 4])
  if ARGV[at + 1] ~= '' then
    redis.call('ZADD', open, ARGV[at + 2], ARGV[at + 1])
    if num(ARGV[at + 3]) > now then redis.call('ZADD', slots, 'NX', ARGV[at + 3], ARGV[at + 1]) end
  end
  redis.call('HDEL', KEYS[i], 'cap', 'under', 'warned_books') -- its own cap comes with the fields; the rest is not known any more
  for from = 1, #fields, 1000 do redis.call('HSET', KEYS[i], unpack(fields, from, math.min(from + 999, #fields))) end
  for from = 1, said[KEYS[i]] == false and #fields or 0, 2 do
    if string.find(fields[from], '^override:') or string.find(fields[from], '^paused:') then said[KEYS[i]] = true end
  end
  if ARGV[at] == '' then redis.call('PERSIST', KEYS[i]) else redis.call('EXPIRE', KEYS[i], ARGV[at]) end
end
for allowed, marked in pairs(said) do
  local mark = table.concat({'overridden:', allowed})
  if marked then redis.call('HSET', lane, mark, 1) else redis.call('HDEL', lane, mark) end
  redis.call('HSET', lane, table.concat({'fields:', allowed}), redis.call('HLEN', allowed))
end
redis.call('HSET', lane, 'epoch', epoch)
if window ~= '' then redis.call('HSET', lane, 'window', window) else redis.call('HDEL', lane, 'window') end
if day ~= '' then redis.call('HSET', lane, 'day', day) else redis.call('HDEL', lane, 'day') end
redis.call('HSETNX', lane, 'tat', int(now + debt_us)) -- how fast it went is not known any more
redis.call('XADD', journal, '*', 'entry', 'rebuild', 'epoch', epoch, 'restored', #KEYS - 7)
redis.call('PUBLISH', wake, 'budget')
return {'rebuilt', epoch}
