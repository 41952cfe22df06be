-- Add up what the open attempts hold in some of the lane's books, at one moment. It is done here because who asked for
-- each attempt would need memory for all that are in flight; an answer for each book is two numbers.
-- KEYS: 1 open 2.. books
-- ARGV: 1 records
-- RETURNS: {reserved, held, ...} for each book; reserved is empty where the book says none
local open = KEYS[1]
local records = ARGV[1] -- what the keys of attempts begin with
local together = {} -- by all the books that attempts are in, which most of them have in common
local some = 1000
for first = 0, redis.call('ZCARD', open) - 1, some do
  for _, name in ipairs(redis.call('ZRANGE', open, first, first + some - 1)) do
    local record = table.concat({records, name}) -- SORT would find it by itself, and is not for every user
    local said = redis.call('HMGET', record, 'books', 'open')
    local books, amount = said[1], said[2]
    if books and amount and string.find(amount, '^%d+$') then together[books] = (together[books] or 0) + amount end
  end
end
local held = {}
for books, amount in pairs(together) do
  local window, day = string.match(books, '^(%S+) (%S+)')
  if window then held[window], held[day] = (held[window] or 0) + amount, (held[day] or 0) + amount end
end
local found = {}
for i = 2, #KEYS do
  table.insert(found, redis.call('HGET', KEYS[i], 'reserved') or '')
  table.insert(found, int(held[KEYS[i]] or 0))
end
return found
