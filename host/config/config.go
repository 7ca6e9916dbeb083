// Package config reads router.toml: it parses, checks everything at once, fills
// in defaults and returns a value that nobody changes afterwards. It knows the
// file's words and nothing of what they start.
package config

import "time"

// Config is one router.toml with every default filled in.
type Config struct {
	File     string // the file it was read from
	Server   Server
	Health   Health
	Services []Service
	Plugins  Plugins
	Policies []Policy
	Routes   []Route // never empty: without [[routes]] one route matches all
	APIKeys  []APIKey

	text    string  // the file
	plugins []place // of each policy's plugin in it
}

// Server is [server].
type Server struct {
	Listen         string
	AdminListen    string // "": admin pages on Listen, for loopback clients alone
	RequestTimeout time.Duration
	// ConnectTimeout bounds one connection attempt to a service.
	ConnectTimeout time.Duration
	// FirstByteTimeout is how long a service may take to the first byte of its
	// reply's body; 0: RequestTimeout alone.
	FirstByteTimeout time.Duration
	// StreamIdleTimeout is how long a stream may be silent.
	StreamIdleTimeout time.Duration
	// ClientHeaderTimeout and ClientBodyTimeout bound the arrival of a request.
	ClientHeaderTimeout, ClientBodyTimeout time.Duration
	// ClientWriteTimeout is how long a client may leave unread what was written.
	ClientWriteTimeout time.Duration
	// IdleTimeout is how long a client's keep-alive connection may be idle.
	IdleTimeout time.Duration
	// DrainTimeout bounds the wait for open requests at exit.
	DrainTimeout  time.Duration
	MaxBody       int64 // bytes of a request body
	MaxReplyBody  int64 // bytes of a reply that is read whole
	MaxInFlight   int   // 0: no limit
	ErrorFormat   string
	ExposeService bool // X-Router-Service on every reply
	// TrustForwarded takes X-Forwarded-For and -Proto from clients.
	TrustForwarded bool
	AccessLog      bool
}

// The values of Server.ErrorFormat.
const (
	ErrorFormatPlain  = "plain"
	ErrorFormatOpenAI = "openai"
)

// Health is [health].
type Health struct {
	Interval       time.Duration
	Timeout        time.Duration
	UnhealthyAfter int     // failures in a row
	HealthyAfter   int     // successes in a row
	Jitter         float64 // share of Interval, 0 to 1
}

// Service is one of [[services]].
type Service struct {
	Name        string
	URL         string   // scheme, host, port and path prefix, no trailing slash
	Models      []string // empty: discovered
	Weight      int
	MaxInFlight int // 0: no limit
	Labels      map[string]string
	APIKey      string // sent as "Authorization: Bearer ...", "" for none
	// PassAuthorization passes the client's Authorization on (default true
	// unless APIKey is set).
	PassAuthorization bool
	// V1 puts "/v1" before a path that has none (default true).
	V1                 bool
	HealthPath         string        // default "/health"
	InsecureSkipVerify bool          // https without verification, default false
	CAFile             string        // extra roots for https
	ConnectTimeout     time.Duration // 0: the server's
	Timeouts           Timeouts
}

// Plugins is [plugins].
type Plugins struct {
	Dir      string // absolute, or relative to the file's folder: resolved here
	CacheDir string // "": the user's cache folder
}

// Policy is one of [[policies]].
type Policy struct {
	Name    string
	Plugin  string // as written
	Path    string // resolved file
	Folder  string // that the file must be in, links followed; "": anywhere
	OnError string // "reject" or "skip"
	Config  []byte // the config table as JSON
	Grants  []string
	Limits  Limits
}

// The values of Policy.OnError.
const (
	OnErrorReject = "reject"
	OnErrorSkip   = "skip"
)

// Limits is [policies.limits].
type Limits struct {
	Fuel, EventFuel, InitFuel int64
	Memory                    int64
	HostCalls                 int
	VarBytes, Vars            int
	KVBytes                   int
	LogPerSecond              int
	CPUPercent                int
	Instances                 int // 0: twice GOMAXPROCS
}

// Route is one of [[routes]].
type Route struct {
	Name     string
	Path     string // "/*", "/v1/chat/completions"; matched with and without /v1
	Models   []string
	Headers  map[string]string
	Policies []string
	Balance  string // "least_request", "round_robin" or "random"
	MaxBody  int64  // 0: the server's
	Retries  int    // further tries, at most; default 2
	Retry    Retry

	Fallbacks []string // models to ask when nobody serves the one asked for

	RequestTimeout time.Duration // 0: the server's
	Timeouts       Timeouts
}

// The values of Route.Balance.
const (
	BalanceLeastRequest = "least_request"
	BalanceRoundRobin   = "round_robin"
	BalanceRandom       = "random"
)

// APIKey is one of [[api_keys]]: with any, a client must send one of them.
type APIKey struct {
	ID  string
	Key string
}
