package config

import (
	"math"
	"strings"
	"time"
)

// Bounds that are not worth a knob: past them a value is a slip of the pen.
const (
	maxBodyBytes  = 1 << 30
	maxReplyBytes = 4 << 30
	maxCount      = 1_000_000
	maxFuel       = 1_000_000_000_000
	pageBytes     = 64 << 10 // of WebAssembly memory
)

// fileSchema is the whole file. Every function below gives the keys of one
// table, bound to the value that they fill; docs and defaults stand here and,
// as a test sees to, in the shipped router.toml.
func fileSchema(c *Config) []key {
	return []key{
		table("server", "How the router listens and what it bounds.", serverSchema(&c.Server)),
		table("health", "How services are checked.", healthSchema(&c.Health)),
		table("load", "How services are asked how busy they are.", loadSchema(&c.Load)),
		tables("services", "The inference servers behind the router.", &c.Services, serviceSchema),
		table("plugins", "Where compiled plugins are.", pluginsSchema(&c.Plugins)),
		tables("policies", "Plugins put to use.", &c.Policies, policySchema),
		tables("routes", "Which requests get which policies; the first match wins.", &c.Routes, routeSchema),
		tables("api_keys", "Keys that clients must send one of; without any, everybody may ask.", &c.APIKeys, apiKeySchema),
	}
}

func serverSchema(s *Server) []key {
	return append([]key{
		text("listen", &s.Listen, "0.0.0.0:8000", "Address for clients.", checkListen),
		text("admin_listen", &s.AdminListen, "", "Address for admin pages; empty: on listen, for loopback clients alone.",
			func(s string) error {
				if s == "" {
					return nil
				}
				return checkListen(s)
			}),
		duration("request_timeout", &s.RequestTimeout, 5*time.Minute, time.Millisecond, "For a whole reply that does not stream, and the first byte of one that does, all attempts together; 504 after it."),
		duration("connect_timeout", &s.ConnectTimeout, 5*time.Second, time.Millisecond, "For one attempt to connect to a service."),
		duration("first_byte_timeout", &s.FirstByteTimeout, 0, 0, `From a request sent to the first byte of the reply's body; 504 after it. "0s": request_timeout alone.`),
		duration("stream_idle_timeout", &s.StreamIdleTimeout, 5*time.Minute, time.Millisecond, "How long a stream may be silent."),
		duration("idle_timeout", &s.IdleTimeout, 2*time.Minute, time.Millisecond, "How long a client's connection may wait for its next request."),
		duration("drain_timeout", &s.DrainTimeout, 30*time.Second, 0, "How long open requests may take to finish at exit."),
		duration("drain_delay", &s.DrainDelay, 0, 0, "How long at exit requests are still taken while /readyz answers 503."),
		size("max_body", &s.MaxBody, 32<<20, span{1, maxBodyBytes}, "Largest request body; 413 above it."),
		size("max_reply_body", &s.MaxReplyBody, 64<<20, span{1, maxReplyBytes}, "Largest reply that is read whole."),
		integer("max_in_flight", &s.MaxInFlight, 0, span{0, maxCount}, "Most open requests; 0: no limit."),
		size("max_body_memory", &s.MaxBodyMemory, 1<<30, span{0, 1 << 50}, "Memory of all request bodies and whole replies together; 503 above it; 0B: no limit."),
		integer("max_connections", &s.MaxConnections, 0, span{0, maxCount}, "Most connections of clients; 0: what file descriptors suffice for."),
		integer("max_connections_per_client", &s.MaxConnectionsPerClient, 0, span{0, maxCount}, "Most connections from one address; 0: no limit."),
		choice("error_format", &s.ErrorFormat, "Shape of the router's own errors.", ErrorFormatPlain, ErrorFormatOpenAI),
		boolean("expose_service", &s.ExposeService, false, "Name the service in X-Router-Service on every reply."),
		boolean("trust_forwarded", &s.TrustForwarded, false, "Believe the X-Forwarded-For and -Proto that clients send."),
		boolean("access_log", &s.AccessLog, true, "One log line for each request."),
		table("queue", "Where requests wait that a max_in_flight keeps out.", queueSchema(&s.Queue)),
	}, clientSchema(s)...)
}

func healthSchema(h *Health) []key {
	return []key{
		duration("interval", &h.Interval, 30*time.Second, time.Millisecond, "Between two checks of a service."),
		duration("timeout", &h.Timeout, 5*time.Second, time.Millisecond, "For one check."),
		integer("unhealthy_after", &h.UnhealthyAfter, 3, span{1, maxCount}, "Failed checks in a row that take a service out."),
		integer("healthy_after", &h.HealthyAfter, 1, span{1, maxCount}, "Successful checks in a row that bring it back."),
		share("jitter", &h.Jitter, 0.1, "Share of interval by which checks are spread, 0 to 1."),
		duration("slow_start", &h.SlowStart, 30*time.Second, 0, "How long a service that comes back takes to get its whole share."),
		table("outlier", "How failed requests take a service out.", outlierSchema(&h.Outlier)),
	}
}

func serviceSchema(s *Service) []key {
	apiKey := secret("api_key", &s.APIKey, "Sent to the service as Authorization: Bearer; empty: none.", checkSecret)
	pass := boolean("pass_authorization", &s.PassAuthorization, true, "Pass the client's Authorization on; false once api_key is set.")
	pass.reset = func() { s.PassAuthorization = s.APIKey == "" } // api_key is read before
	return append([]key{
		text("name", &s.Name, "", "Name in logs, metrics and /services.", checkName).must(),
		address("url", &s.URL, "Address of the service, with a path prefix if it has one.").must(),
		list("models", &s.Models, nil, "Models it serves; empty: asked of the service.", checkModel),
		integer("weight", &s.Weight, 1, span{0, maxCount}, "Share of requests beside other services; 0: none."),
		integer("max_in_flight", &s.MaxInFlight, 0, span{0, maxCount}, "Most open requests there; 0: no limit."),
		words("labels", &s.Labels, "Words of yours that policies can read.", checkLabel),
		apiKey,
		pass,
		boolean("v1", &s.V1, true, "Put /v1 before paths that have none."),
		text("health_path", &s.HealthPath, "/health", "Path of its health check.", checkURLPath),
		boolean("insecure_skip_verify", &s.InsecureSkipVerify, false, "Take any certificate from an https service."),
		text("ca_file", &s.CAFile, "", "PEM file of further authorities for its certificate.", nil),
		duration("connect_timeout", &s.ConnectTimeout, 0, 0, `server.connect_timeout here; "0s": the server's.`),
		boolean("drain", &s.Drain, false, "Let it finish what it has and give it nothing new."),
		text("metrics", &s.Metrics, MetricsAuto, "Where its own metrics are: a path, auto or off.", checkMetrics),
	}, timeoutKeys(&s.Timeouts, "the server's")...)
}

func pluginsSchema(p *Plugins) []key {
	return []key{
		text("dir", &p.Dir, "policies", "Folder of .wasm files, from this file's folder.", notEmpty),
		text("cache_dir", &p.CacheDir, "", "Folder of compiled machine code; empty: the user's cache folder.", nil),
	}
}

func policySchema(p *Policy) []key {
	return []key{
		text("name", &p.Name, "", "Name in routes, logs and metrics.", checkName).must(),
		text("plugin", &p.Plugin, "", "A file in plugins.dir, or a path.", notEmpty).must(),
		choice("on_error", &p.OnError, "When it fails: 500, or go on without it.", OnErrorReject, OnErrorSkip),
		policyConfig("config", &p.Config, "What the plugin's configure is given."),
		list("grants", &p.Grants, nil, "What it may see and use beyond routing: content, credentials, kv.",
			func(s string) error { return oneOf(s, []string{"content", "credentials", "kv"}) }),
		table("limits", "What it may use up.", limitsSchema(&p.Limits)),
	}
}

func limitsSchema(l *Limits) []key {
	return []key{
		integer("fuel", &l.Fuel, 50_000_000, span{1, maxFuel}, "Work of one hook call."),
		integer("event_fuel", &l.EventFuel, 20_000_000, span{1, maxFuel}, "Work of one on_event call."),
		integer("init_fuel", &l.InitFuel, 2_000_000_000, span{1, maxFuel}, "Work of making one instance."),
		memory("memory", &l.Memory, 32<<20, "Memory of one instance."),
		size("stack", &l.Stack, 1<<20, span{64 << 10, 256 << 20}, "Stack of calls within the plugin."),
		integer("host_calls", &l.HostCalls, 1000, span{0, math.MaxInt32}, "Calls of router functions in one hook call."),
		size("var_bytes", &l.VarBytes, 4<<10, span{0, 1 << 20}, "One var's value."),
		integer("vars", &l.Vars, 32, span{0, 1024}, "Vars of one exchange."),
		size("kv_bytes", &l.KVBytes, 64<<10, span{0, 16 << 20}, "One value in the key-value store."),
		integer("log_per_second", &l.LogPerSecond, 20, span{0, maxCount}, "Log lines; more are dropped."),
		integer("cpu_percent", &l.CPUPercent, 25, span{1, 100_000}, "Of one processor, in the long run, for hooks that take longer than some 30us; they pause beyond it."),
		integer("instances", &l.Instances, 0, span{0, 1024}, "Instances at a time; 0: twice GOMAXPROCS."),
	}
}

func routeSchema(r *Route) []key {
	return append([]key{
		text("name", &r.Name, "", "Name in logs and metrics.", checkName).must(),
		text("path", &r.Path, "/*", "Path, or its start and a *; with and without /v1 are the same.", checkRoutePath),
		list("models", &r.Models, []string{"*"}, "Models asked for; prefix* matches all that start so.", checkPattern),
		words("headers", &r.Headers, `Headers that must all be there: an exact value, or "*".`, checkHeader),
		list("policies", &r.Policies, nil, "Its chain, in order.", notEmpty),
		choice("balance", &r.Balance, "How a service is picked.", BalanceLeastRequest, BalanceRoundRobin, BalanceRandom, BalanceLeastLoad, BalanceSession, BalancePrefix),
		list("session_key", &r.Affinity.SessionKey, defaultSessionKey, "For session: what names a session; the first that the request has.", checkSessionKey),
		size("prefix_bytes", &r.Affinity.PrefixBytes, 1<<10, span{1, 1 << 20}, "For prefix: how much of each message counts."),
		number("load_bound", &r.Affinity.LoadBound, 1.25, 1, 100, "For session and prefix: most requests of a service, as a multiple of the mean."),
		size("max_body", &r.MaxBody, 0, span{0, maxBodyBytes}, "Largest request body, within server.max_body; 0B: server.max_body."),
		integer("retries", &r.Retries, 2, span{0, 10}, "Further tries, at most, before the first byte of a reply."),
		list("fallbacks", &r.Fallbacks, nil, "Models to ask, in order, when nobody serves the one asked for.", checkModel),
		table("retry", "When and how those tries are made.", retrySchema(&r.Retry)),
		duration("request_timeout", &r.RequestTimeout, 0, 0, `server.request_timeout here; "0s": the server's.`),
		integer("max_in_flight", &r.MaxInFlight, 0, span{0, maxCount}, "Most open requests here; 0: no limit."),
		choice("priority", &r.Priority, "Class in the queue.", PriorityNormal, PriorityHigh, PriorityLow),
	}, timeoutKeys(&r.Timeouts, "the service's, else the server's")...)
}

func apiKeySchema(k *APIKey) []key {
	return []key{
		text("id", &k.ID, "", "Name of the key in logs and policies.", checkName).must(),
		secret("key", &k.Key, "What clients send as Authorization: Bearer.", checkKey).must(),
		integer("max_in_flight", &k.MaxInFlight, 0, span{0, maxCount}, "Most open requests with it; 0: no limit."),
		choice("priority", &k.Priority, "Class in the queue, or the route's.", PriorityOfRoute, PriorityHigh, PriorityNormal, PriorityLow),
	}
}

// Key documents one key of the file.
type Key struct {
	Path    string // dotted, such as "server.listen"
	Type    string
	Default string // as the file spells it; "" for a table, or when the key must be set
	Doc     string
}

// split returns the key's table, "" at the top, and its own name.
func (k Key) split() (table, name string) {
	i := strings.LastIndexByte(k.Path, '.')
	return k.Path[:max(i, 0)], k.Path[i+1:]
}

// Reference returns every key of the file, in the order of the shipped one.
func Reference() []Key { return appendReference(nil, "", fileSchema(new(Config))) }

func appendReference(to []Key, prefix string, schema []key) []Key {
	for _, k := range schema {
		initial := k.initial
		if k.required {
			initial = ""
		}
		to = append(to, Key{prefix + k.name, k.kind, initial, k.doc})
		to = appendReference(to, prefix+k.name+".", k.below)
	}
	return to
}
