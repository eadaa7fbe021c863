--- Makes certificates for the specs of TLS, by the command openssl: each at its first use, in a folder that goes when
-- the process ends.
--
--     local certificates = require "spec.support.certificates"
--     local leaf = certificates.get "leaf"
--     local peer = Peer.start { tls = { cert = leaf.cert, key = leaf.key } }
--     ... tls = { ca = leaf.ca, server_name = leaf.host, pin = certificates.pin(leaf.cert) } ...
--
-- `cert` is the path of a PEM file as a server takes it: the certificate and behind it those that lead to the one in
-- `ca`, which a client trusts. `host` is a name or address that the certificate is made for. The private key, in the
-- file `key`, is a P-256 one where nothing else is said.
--
-- Failures raise.

local engine = require "spec.support.engine"
local Peer = require "spec.support.peer" -- for its directories
local files = require "spec.support.files"
local shell = require "spec.support.shell"

local certificates = {}

--- The passphrase of the key of "encrypted_client".
certificates.PASSPHRASE = "a passphrase"

local DAY = 24 * 3600

local CONFIG = [[
[req]
distinguished_name = name
prompt = no
[name]
[ca]
default_ca = this
[this]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
policy = any
[any]
commonName = optional
]]

local IS_CA = {
  "basicConstraints = critical, CA:TRUE", "keyUsage = critical, keyCertSign, cRLSign", "subjectKeyIdentifier = hash",
}
local NAMES = "DNS:localhost, IP:127.0.0.1, IP:::1"

local function leaf_extensions(names, purpose)
  local lines = { "basicConstraints = critical, CA:FALSE", "keyUsage = critical, digitalSignature, keyEncipherment",
    "extendedKeyUsage = " .. (purpose or "serverAuth"), "subjectKeyIdentifier = hash",
    "authorityKeyIdentifier = keyid" }
  if names then lines[#lines + 1] = "subjectAltName = " .. names end
  return lines
end

local function with(lines, line)
  local longer = { line }
  for i = 1, #lines do longer[i + 1] = lines[i] end
  return longer
end

local function hundred_names()
  local names = {}
  for i = 1, 100 do names[i] = ("DNS:host%d.example.test"):format(i) end
  return table.concat(names, ", ")
end

-- name -> how it is made. issuer is "ca" unless set, "itself" for one that signs itself; subject, "localhost";
-- from and to, in days from now, -1 and 30; names, NAMES; alone: the server does not send its issuer.
local KINDS = {
  ca = { subject = "sidewire test CA", issuer = "itself", extensions = IS_CA },
  other_ca = { subject = "another test CA", issuer = "itself", extensions = IS_CA },
  rsa_ca = { subject = "sidewire RSA test CA", issuer = "itself", extensions = IS_CA, key = "rsa:2048" },
  intermediate = { subject = "sidewire test intermediate", extensions = IS_CA },
  expired_intermediate = { subject = "expired test intermediate", extensions = IS_CA, from = -20, to = -2 },
  no_ca = { subject = "not a CA", extensions = { "basicConstraints = critical, CA:FALSE",
    "keyUsage = critical, digitalSignature, keyCertSign", "subjectKeyIdentifier = hash" } },
  constrained = { subject = "a CA for example.test", extensions = with(IS_CA,
    "nameConstraints = critical, permitted;DNS:example.test") },

  -- good ones
  leaf = {},
  chain = { issuer = "intermediate" },
  ip_only = { names = "IP:127.0.0.1", host = "127.0.0.1" },
  wildcard = { names = "DNS:*.example.test", host = "a.example.test" },
  rsa = { key = "rsa:2048" },
  ed25519 = { key = "ed25519" },
  hundred_names = { names = hundred_names(), host = "host7.example.test" },
  client = { subject = "test client", names = false, purpose = "clientAuth" },
  encrypted_client = { subject = "test client", names = false, purpose = "clientAuth", is_encrypted = true },

  -- bad ones
  expired = { from = -20, to = -2 },
  not_yet_valid = { from = 2, to = 20 },
  wrong_name = { subject = "other.example.test", host = "other.example.test", -- wrong at localhost
    names = "DNS:other.example.test, DNS:another.example.test, IP:192.0.2.1" },
  cn_only = { names = false }, -- OpenSSL takes the name of the subject for a host's, unless it is told not to
  self_signed = { issuer = "itself" },
  unknown_issuer = { issuer = "other_ca" },
  no_intermediate = { issuer = "intermediate", alone = true },
  under_expired = { issuer = "expired_intermediate" },
  under_no_ca = { issuer = "no_ca" },
  under_constrained = { issuer = "constrained" },
  wrong_purpose = { purpose = "clientAuth" },
  weak_key = { key = "rsa:1024" },
  weaker_key = { key = "rsa:512" }, -- too small to sign anything in TLS 1.3
  sha1 = { issuer = "rsa_ca", digest = "sha1" },
  md5 = { issuer = "rsa_ca", digest = "md5" },
  unknown_client = { subject = "test client", issuer = "other_ca", names = false, purpose = "clientAuth" },
}

local made = {} -- name -> what certificates.get returns
local dir, guard -- the folder, and what removes it in the end

local function run(command, ...)
  local said, status = shell.run(("cd %s && %s"):format(dir, command:format(...)))
  if status ~= 0 then error(("%s: status %d\n%s"):format(command:format(...), status, said), 0) end
end

local function make_dir()
  dir = Peer.tempdir()
  guard = engine.finalizer(function() certificates.remove() end)
  files.write(dir .. "/config", CONFIG)
  files.write(dir .. "/index", "")
end

local function make_key(name, kind)
  local key = kind.key or "ec"
  if key == "ec" then
    run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out %s.key", name)
  elseif key == "ed25519" then
    run("openssl genpkey -algorithm ED25519 -out %s.key", name)
  else
    run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:%s -out %s.key", key:match "%d+", name)
  end
end

local function encrypt_key(name)
  run("openssl pkcs8 -topk8 -in %s.key -passout pass:%s -out %s.encrypted && mv %s.encrypted %s.key", name,
    shell.quote(certificates.PASSPHRASE), name, name, name)
end

local function date(days)
  return os.date("!%Y%m%d%H%M%SZ", os.time() + days * DAY)
end

-- Writes NAME.crt, the certificate alone, and returns its issuer.
local function sign(name, kind)
  local names = kind.names
  if names == nil then names = NAMES end
  local issuer = kind.issuer or (name ~= "ca" and "ca")
  local extensions = kind.extensions or leaf_extensions(names, kind.purpose)
  files.write(("%s/%s.ext"):format(dir, name), table.concat(extensions, "\n") .. "\n")
  run("openssl req -new -config config -key %s.key -subj %s -out %s.csr", name,
    shell.quote("/CN=" .. (kind.subject or "localhost")), name)
  local signer = ("-selfsign -keyfile %s.key"):format(name)
  if issuer ~= "itself" then
    certificates.get(issuer)
    signer = ("-cert %s.crt -keyfile %s.key"):format(issuer, issuer)
  end
  local digest = kind.key == "ed25519" and "default" or kind.digest or "sha256"
  run("openssl ca -batch -notext -config config -md %s -startdate %s -enddate %s -extfile %s.ext %s -in %s.csr"
    .. " -out %s.crt", digest, date(kind.from or -1), date(kind.to or 30), name, signer, name, name)
  return issuer
end

-- The certificate, and behind it those that sign it, without the one that is trusted.
local function write_chain(name, issuer, is_alone)
  local texts = { files.read(("%s/%s.crt"):format(dir, name)) }
  local at = issuer
  while not is_alone and at ~= "itself" and (KINDS[at].issuer or "ca") ~= "itself" and at ~= "ca" do
    texts[#texts + 1] = files.read(("%s/%s.crt"):format(dir, at))
    at = KINDS[at].issuer or "ca"
  end
  files.write(("%s/%s.pem"):format(dir, name), table.concat(texts))
end

--- A certificate of a kind (KINDS above), the same one each time.
-- @treturn table cert, key, ca: paths; host; alone: the path of the certificate without its chain; passphrase of the
-- key, if it has one. Authorities ("ca", "other_ca", "rsa_ca") are kinds too: trust what is in their `cert`.
function certificates.get(name)
  if made[name] then return made[name] end
  local kind = assert(KINDS[name], "no such certificate: " .. tostring(name))
  if not dir then make_dir() end
  make_key(name, kind)
  local issuer = sign(name, kind)
  write_chain(name, issuer, kind.alone)
  if kind.is_encrypted then encrypt_key(name) end
  local root = issuer == "rsa_ca" and "rsa_ca" or kind.extensions and issuer == "itself" and name or "ca"
  if root ~= name then certificates.get(root) end
  local path = dir .. "/" .. name
  made[name] = {
    cert = path .. ".pem", key = path .. ".key", ca = ("%s/%s.crt"):format(dir, root), alone = path .. ".crt",
    host = kind.host or "localhost", passphrase = kind.is_encrypted and certificates.PASSPHRASE or nil,
  }
  return made[name]
end

--- Skips the rest of a test, loudly, when there is no command openssl.
-- @param pending the test's own, which busted gives only to files of tests
function certificates.needs(pending)
  if not shell.try "command -v openssl >/dev/null" then pending "openssl is not installed (make setup)" end
end

--- All kinds, sorted.
function certificates.kinds()
  local names = {}
  for name in pairs(KINDS) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local PIN = "openssl x509 -in %s -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary"
  .. " | openssl enc -base64"

--- The pin of the public key of the first certificate in a PEM file: "sha256//" and the digest in base64.
function certificates.pin(path)
  return "sha256//" .. shell.output(PIN:format(shell.quote(path))):match "%S+"
end

--- Removes what was made, before the process ends; what is asked for after that is made anew.
function certificates.remove()
  if not dir then return end
  Peer.remove(dir)
  dir, guard, made = nil, nil, {}
end

--- The folder, if there is one yet.
function certificates.folder()
  return guard and dir
end

return certificates
