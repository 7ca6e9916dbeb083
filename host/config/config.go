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
	Load     Polling
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
	DrainTimeout time.Duration
	// DrainDelay is how long requests are taken at exit while /readyz says no.
	DrainDelay    time.Duration
	MaxBody       int64 // bytes of a request body
	MaxReplyBody  int64 // bytes of a reply that is read whole
	MaxInFlight   int   // 0: no limit
	MaxBodyMemory int64 // bytes of all bodies; 0: no limit
	// MaxConnections is how many clients' connections may be open; 0: as many
	// as the process has file descriptors for.
	MaxConnections          int
	MaxConnectionsPerClient int // from one address; 0: no limit
	Queue                   Queue
	ErrorFormat             string
	ExposeService           bool // X-Router-Service on every reply
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
	UnhealthyAfter int     // failed checks in a row
	HealthyAfter   int     // successful checks in a row
	Jitter         float64 // share of Interval, 0 to 1
	// SlowStart is how long the share of a service that comes back grows from
	// a tenth to the whole; 0: it has the whole at once.
	SlowStart time.Duration
	Outlier   Outlier
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
	Drain              bool   // finishes what it has, gets nothing new
	Metrics            string // "auto", "off" or a path
}

// The values of Service.Metrics beside a path.
const (
	MetricsAuto = "auto" // polled when a route balances by it
	MetricsOff  = "off"
)

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
	Stack                     int64
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
	Balance  string // one of the values below
	Affinity Affinity
	MaxBody  int64 // 0: the server's
	Retries  int   // further tries, at most; default 2
	Retry    Retry

	Fallbacks []string // models to ask when nobody serves the one asked for

	RequestTimeout time.Duration // 0: the server's
	Timeouts       Timeouts
	// MaxInFlight is how many requests may be open here; 0: no limit.
	MaxInFlight int
	Priority    string // in the queue
}

// The values of Route.Balance.
const (
	BalanceLeastRequest = "least_request"
	BalanceRoundRobin   = "round_robin"
	BalanceRandom       = "random"
	BalanceLeastLoad    = "least_load"
	BalanceSession      = "session"
	BalancePrefix       = "prefix"
)

// APIKey is one of [[api_keys]]: with any, a client must send one of them.
type APIKey struct {
	ID          string
	Key         string
	MaxInFlight int    // 0: no limit
	Priority    string // in the queue, PriorityOfRoute for the route's
}
