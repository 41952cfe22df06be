-- Let go of the journal's oldest entries. What an operator said in them and what still counts is said again at the end,
-- and from when on the journal is whole: so the journal alone tells both, whatever else is lost.
-- KEYS: 1 journal 2 lane 3 caps 4 limits
-- ARGV: 1 first_entry 2 keep_from 3 since_us 4.. place, entry, layer, name
-- RETURNS: how many entries went; -1 where something that is allowed was lost, so that none goes
local journal, lane, caps, limits = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local first_entry, keep_from, since_us = ARGV[1], ARGV[2], ARGV[3]
local oldest = redis.call('XRANGE', journal, '-', '+', 'COUNT', 1)[1]
if not oldest or oldest[1] ~= first_entry then return 0 end -- somebody else was here
local epoch = redis.call('HGET', lane, 'epoch')
if #ARGV > 3 then
  if not epoch then return -1 end
  for _, allowed in ipairs({caps, limits}) do
    local fields = redis.call('HGET', lane, table.concat({'fields:', allowed}))
    if fields and num(fields) ~= redis.call('HLEN', allowed) then return -1 end
  end
end
for i = 4, #ARGV, 4 do
  local allowed, layer, name = KEYS[num(ARGV[i])], ARGV[i + 2], ARGV[i + 3]
  local field = layer == '' and name or table.concat({layer, ':', name})
  local said = redis.call('HGET', allowed, field)
  if said then
    redis.call('XADD', journal, '*', 'entry', ARGV[i + 1], 'key', allowed, 'layer', layer, 'name', name, 'said', said,
      'from', said, 'amount', said)
  end
end
redis.call('XADD', journal, '*', 'entry', 'trim', 'since', since_us, 'epoch', epoch or '')
return redis.call('XTRIM', journal, 'MINID', keep_from)
