--- What protocols have on the wire: for each row of the table in docs/framing.md frames as their specifications write
-- them, and the messages that sidewire makes of them.
--
--     protocols["Kafka"]   -- { { frame, message }, ... }

local protocols = {}

local function bytes_of(hex)
  return (hex:gsub("%s", ""):gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Frames of which the message is all, or what begins at a byte.
local function frames(from, ...)
  local list = {}
  for i, hex in ipairs { ... } do
    local frame = bytes_of(hex)
    list[i] = { frame, frame:sub(from) }
  end
  return list
end

local function hex_of(text)
  return (text:gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

-- COM_QUERY, an OK packet, COM_QUIT: the message begins with the sequence number.
protocols["MySQL"] = frames(4, "21 00 00 00 03" .. hex_of "select @@version_comment limit 1",
  "07 00 00 02 00 00 00 02 00 00 00", "01 00 00 00 01")

-- AuthenticationOk, ParameterStatus, ReadyForQuery, Query, Sync.
protocols["PostgreSQL"] = frames(1, "52 00000008 00000000", "53 00000019" .. hex_of "client_encoding\0UTF8\0",
  "5a 00000005 49", "51 0000000d" .. hex_of "SELECT 1\0", "53 00000004")

-- CONNECT, CONNACK, PUBLISH, PINGREQ, and the length 321 of the specification's table.
protocols["MQTT"] = frames(1, "10 0e 0004" .. hex_of "MQTT" .. "04 02 003c 0002 6964", "20 02 00 00",
  "30 07 0003" .. hex_of "a/bhi", "c0 00", "30 c1 02 0001 74" .. ("ff"):rep(318))

-- connection.tune-ok, a heartbeat: the last byte is the frame's end, which the length does not count.
protocols["AMQP 0-9-1"] = frames(1, "01 0000 0000000c 000a001f 0000 00020000 003c ce", "08 0000 00000000 ce")

-- Tversion, Tclunk.
protocols["9P"] = frames(5, "13000000 64 ffff 00200000 0600" .. hex_of "9P2000", "0b000000 78 0100 02000000")

-- {"hello": "world"}, as bsonspec.org has it, and {}.
protocols["BSON"] = frames(5, "16000000 02 " .. hex_of "hello\0" .. "06000000" .. hex_of "world\0" .. "00",
  "05000000 00")

-- A handshake for localhost, a status request.
protocols["Minecraft"] = frames(2, "0f 00 2f 09" .. hex_of "localhost" .. "63dd 01", "01 00")

-- The examples of its documentation: a = 150, b = "testing".
protocols["Protocol Buffers, delimited"] = frames(2, "03 089601", "09 1207" .. hex_of "testing", "00")

-- SERVERDATA_AUTH and its answers.
protocols["Source RCON"] = frames(5, "11000000 00000000 03000000" .. hex_of "passwrd\0\0",
  "0a000000 00000000 00000000 0000", "0a000000 00000000 02000000 0000")

-- ApiVersions: a request and a response.
protocols["Kafka"] = frames(5, "0000000b 0012 0000 00000001 0001 74",
  "00000010 00000001 0000 00000001 0012 0000 0003")

-- A query for example.com, and an answer.
local QUESTION = "07" .. hex_of "example" .. "03" .. hex_of "com" .. "00 0001 0001"
protocols["DNS over TCP"] = frames(3, "001d 1234 0100 0001 0000 0000 0000" .. QUESTION,
  "002d 1234 8180 0001 0001 0000 0000" .. QUESTION .. "c00c 0001 0001 0000012c 0004 c0000201")

-- change_cipher_spec, close_notify, the beginning of a handshake.
protocols["TLS records"] = frames(1, "14 0303 0001 01", "15 0303 0002 0100", "16 0301 0004 0e000000")

-- Read holding registers: the example of its specification.
protocols["Modbus TCP"] = frames(1, "1501 0000 0006 ff 03 006b 0003", "1501 0000 0009 ff 03 06 022b 0000 0064")

-- OPTIONS, ERROR.
protocols["Cassandra"] = frames(1, "04 00 0000 05 00000000", "84 00 0001 00 0000000a 0000000a 0004" .. hex_of "oops")

-- No-op, get: the length counts what is behind the 24 bytes of the header.
protocols["memcached, binary"] = frames(1, "80 0a 0000 00 00 0000 00000000 00000000 0000000000000000",
  "80 00 0005 00 00 0000 00000005 00000000 0000000000000000" .. hex_of "Hello")

-- SETTINGS, PING.
protocols["HTTP/2"] = frames(1, "000000 04 00 00000000", "000008 06 00 00000000 0102030405060708")

-- KEEPALIVE, NOTIFICATION: the length counts all of it.
protocols["BGP"] = frames(1, ("ff"):rep(16) .. "0013 04", ("ff"):rep(16) .. "0015 03 06 02")

-- enquire_link and its answer.
protocols["SMPP"] = frames(5, "00000010 00000015 00000000 00000001", "00000010 80000015 00000000 00000001")

-- A call in Thrift's compact protocol.
protocols["Thrift, framed"] = frames(5, "00000009 8221 01 04" .. hex_of "ping" .. "00")

local function enclosed(before, behind, ...)
  local list = {}
  for i, message in ipairs { ... } do list[i] = { before(message) .. message .. behind, message } end
  return list
end

local function nothing() return "" end
local function content_length(message) return ("Content-Length: %d\r\n\r\n"):format(#message) end

protocols["Language Server Protocol"] = enclosed(content_length, "",
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"rootUri":null,"capabilities":{}}}',
  '{"jsonrpc":"2.0","method":"initialized","params":{}}')
protocols["Debug Adapter Protocol"] = enclosed(content_length, "",
  '{"seq":153,"type":"request","command":"next","arguments":{"threadId":3}}')
protocols["IRC"] = enclosed(nothing, "\r\n", "NICK wiz", "PRIVMSG #channel :Hello everyone!", "PING :irc.example.org")
protocols["STOMP"] = enclosed(nothing, "\0", "CONNECT\naccept-version:1.2\nhost:example.org\n\n",
  "SEND\ndestination:/queue/a\n\nhello queue a")
protocols["JSON lines"] = enclosed(nothing, "\n", '{"name":"Gilbert","session":"2013"}', "[1,2]", "null")
protocols["netstrings"] = enclosed(function(message) return #message .. ":" end, ",", "hello world!", "", "a,b")

protocols["Redis"] = enclosed(nothing, "", "+OK\r\n",
  "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", ":1000\r\n",
  "$5\r\nhello\r\n", "$0\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n",
  "*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*2\r\n+Hello\r\n-World\r\n", "_\r\n", "#t\r\n", ",1.23\r\n",
  "(3492890328409238509324850943850943825024385\r\n", "!21\r\nSYNTAX invalid syntax\r\n", "=15\r\ntxt:Some string\r\n",
  "%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n", "~2\r\n+orange\r\n#t\r\n", ">3\r\n+message\r\n+channel\r\n$2\r\n\r\n\r\n",
  "|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.1923\r\n$1\r\nb\r\n,0.0012\r\n*2\r\n:2039123\r\n:9543892\r\n",
  "*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n")

return protocols
