-- Put before every script. Money is integer micro-dollars, time integer microseconds: both stay exact in a Lua number.
local function num(text) return tonumber(text or 0) or 0 end
local function int(number) return string.format('%.0f', number) end -- tostring would print 1.79e+15
local function are_sums(one, two, three, four) -- amounts; the last two may be missing
  return one and two and string.find(one .. ' ' .. two .. ' ' .. (three or 0) .. ' ' .. (four or 0), '^%d+ %d+ %d+ %d+$') ~= nil
end
local function clock(given) -- the server's time, unless a test gives another
  if given ~= '' then return num(given) end
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end
local RETRY_CREDIT = 100 -- what a lane has for retries where none of it is spent; a call brings one of it back
