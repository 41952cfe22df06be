-- Put before the scripts that look into the budgets: four books in one order, the lane's window and day, then the
-- project's window and day. A book that is known to have been used and is not there, or not whole, closes the gate; so
-- does a cap that is known to have been set.
local function budgets(lane, caps, journal, books, project)
  local owner = 'project:' .. project
  local set = redis.call('HMGET', caps, 'lane/window', 'lane/day', owner .. '/window', owner .. '/day',
    'project:*/window', 'project:*/day', 'lane/urgent', 'paused:lane', 'paused:' .. owner)
  set[3], set[4] = set[3] or set[5], set[4] or set[6]
  local last = redis.call('HMGET', lane, 'epoch', 'window', 'day', 'fields:' .. caps)
  local found = {epoch = last[1] or '1', share = num(set[7]), paused = set[8], project_paused = set[9]}
  found.lost = not are_sums(set[1], set[7] or '0', set[2]) or not are_sums(set[3] or '0', set[4] or '0') -- the first is always set
  if last[4] then found.lost = found.lost or num(last[4]) ~= redis.call('HLEN', caps) end
  if not last[1] then found.lost = found.lost or redis.call('XLEN', journal) > 0 end
  for i = 1, 4 do
    local is = redis.call('HMGET', books[i], 'reserved', 'spent', 'cap', 'epoch', 'urgent', owner, 'under')
    if is[4] then
      found.lost = found.lost or is[4] ~= found.epoch or not are_sums(is[1], is[2], is[3], is[5])
    else
      found.lost = found.lost or i < 3 and last[i + 1] == books[i] or i > 2 and found[i - 2].knows
    end
    local own = is[3] or set[i] -- a cap for this window alone counts before the general one, and without one
    local cap = own and num(own)
    found[i] = {
      new = not is[4], knows = i < 3 and is[6] and true, cap = cap, most = set[i] and math.max(cap, num(set[i])),
      used = num(is[1]) + num(is[2]), urgent = num(is[5]), under = is[7], noted = last[1] and last[i + 1] == books[i],
    }
  end
  return found
end

-- The right window and day, where the caller believes in others: the server's clock and settings decide.
local function another_window(set, start, length, day, now)
  local today = now - now % 86400000000
  if set == length and now - now % length == start and today == day then return nil end
  return {'window', int(now - now % set), int(set), int(today)}
end

-- When the window or day ends that is about to: what left now might be charged in the next one, which has no room for it.
local function ends_soon(start, length, day, now)
  local ends = math.min(start + length, day + 86400000000)
  return ends - now <= math.min(500000, math.floor(length / 40)) and ends
end

-- Which cap could never pay for this, in no window to come either; waiting would not help.
local function beyond(found, quote)
  for i = 1, 4 do
    if found[i].most and quote > found[i].most then return found[i].most, i < 3 and 'lane' or 'project' end
  end
end

-- What a project may still reserve, and which of its two budgets says so.
local function project_room(found)
  local window, day = found[3].cap and found[3].cap - found[3].used, found[4].cap and found[4].cap - found[4].used
  if day and day < (window or math.huge) then return day, 'project-day' end
  return window or math.huge, 'project-budget'
end

-- Begin a book that is not there yet, and keep in mind that it is: one of the lane's in the lane, a project's in that.
local function begin(lane, books, found, project, i, ttl_s)
  if found[i].new then
    redis.call('HSET', books[i], 'epoch', found.epoch, 'reserved', 0, 'spent', 0)
    redis.call('EXPIRE', books[i], ttl_s)
  end
  if i < 3 and not found[i].noted then redis.call('HSET', lane, 'epoch', found.epoch, i == 1 and 'window' or 'day', books[i]) end
  if i > 2 and not found[i - 2].knows then redis.call('HSET', books[i - 2], 'project:' .. project, 1) end
end

-- Reserve in all four books at once; each remembers the cap under which it last did.
local function reserve(lane, books, found, project, amount, urgent, ttl_s)
  for i = 1, 4 do
    local is = found[i]
    begin(lane, books, found, project, i, ttl_s)
    redis.call('HINCRBY', books[i], 'reserved', int(amount))
    if urgent and i < 3 then redis.call('HINCRBY', books[i], 'urgent', int(amount)) end
    if not is.cap and is.under then
      redis.call('HDEL', books[i], 'under')
    elseif is.cap and num(is.under) ~= is.cap and is.used + amount <= is.cap then
      redis.call('HSET', books[i], 'under', int(is.cap))
    end
  end
end
