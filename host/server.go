package host

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/loop"
	"github.com/infinirouter/infinirouter/host/telemetry"
	"github.com/infinirouter/infinirouter/host/wire"
	"github.com/infinirouter/infinirouter/plugins"
)

// Options are what a Router works with; all fields but AccessLog are needed.
type Options struct {
	ConfigPath string         // router.toml, read again at each reload
	Listen     string         // the command line's word in place of server.listen, "": none
	Loader     plugins.Loader // owned by the caller, closed after the Router
	Metrics    *telemetry.Metrics
	AccessLog  *telemetry.AccessLog // nil: none
	Logger     *slog.Logger
	// Reloading, which may be nil, hears of the beginning and end of each reload.
	Reloading func(begins bool)

	loops *loop.Group // New's
}

// Router is the HTTP side of InfiniRouter: it serves requests under the
// running generation and replaces that on Reload.
type Router struct {
	options   Options
	metrics   *telemetry.Metrics
	access    *telemetry.AccessLog
	boot      *config.Config // what listeners were opened under
	current   atomic.Pointer[generation]
	reloading sync.Mutex
	inFlight  atomic.Int64
	draining  atomic.Bool
	listening sync.Mutex // of listeners
	listeners []net.Listener
	conns     connections
	memory    bodyMemory
	entrance  entrance
	slots     slots
	server    *fasthttp.Server
	admin     *fasthttp.Server
}

// New builds the first generation from cfg and waits a moment for its services
// to be probed. Nothing listens yet.
func New(ctx context.Context, cfg *config.Config, o Options) (*Router, error) {
	r := &Router{metrics: o.Metrics, access: o.AccessLog, boot: cfg}
	loops, err := loop.New(loop.Options{Serve: r.serveLooped, Logger: o.Logger})
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	r.conns.shed = r.metrics.Shed
	o.loops = loops
	r.options = o
	g, err := newGeneration(ctx, cfg, o.Loader, nil, o)
	if err != nil {
		loops.Close()
		return nil, err
	}
	g.start(ctx)
	r.swap(g)
	r.metrics.ReloadDone(true, g.number)
	r.metrics.SetPolicySource(r.policyStats)
	r.metrics.SetServiceSource(r.serviceSamples)
	r.metrics.SetLoadSource(r.load)
	r.server = r.newServer(r.handle)
	r.admin = r.newServer(r.handleAdmin)
	return r, nil
}

// newServer configures fasthttp: limits that depend on the configuration are
// asked for per request, so that a reload changes them.
func (r *Router) newServer(handler fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      handler,
		ErrorHandler:                 r.protocolError,
		HeaderReceived:               r.bodyLimits,
		ExpectHandler:                r.expected,
		Name:                         "infinirouter",
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		ConnState:                    r.replied,
		ReduceMemoryUsage:            true,
		ReadBufferSize:               maxRequestHead,
		ReadTimeout:                  r.boot.Server.ClientHeaderTimeout,
		IdleTimeout:                  r.boot.Server.IdleTimeout,
		WriteTimeout:                 r.boot.Server.ClientWriteTimeout,
		TCPKeepalive:                 true,
		SecureErrorLogMessage:        true,
		Logger:                       silent{},
	}
}

const (
	maxRequestHead = wire.MaxHead
	drainLook      = 10 * time.Millisecond
)

// bodyLimits are the running generation's limits on a body.
func (r *Router) bodyLimits(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	g := r.acquire()
	defer g.release()
	timeout := g.config.Server.ClientBodyTimeout
	most := int(r.memory.admit(h, g.largestBody(), timeout))
	if n := h.ContentLength(); n <= most {
		lendBody(h, n)
	}
	return fasthttp.RequestConfig{
		MaxRequestBodySize: most,
		ReadTimeout:        timeout,
	}
}

// expected answers a client that waits for leave to send its body: one that is
// too large, or finds no room, need not be sent. Otherwise fasthttp says 100.
func (r *Router) expected(ctx *fasthttp.RequestCtx) int {
	g := r.acquire()
	defer g.release()
	h := &ctx.Request.Header
	if int64(h.ContentLength()) <= g.largestBody() && !r.memory.refused(h) {
		return fasthttp.StatusContinue
	}
	r.protocolError(ctx, fasthttp.ErrBodyTooLarge)
	return ctx.Response.StatusCode()
}

// largestBody is the largest max_body of the server and all routes: which
// route a request takes is known only once its body was read.
func (g *generation) largestBody() int64 {
	largest := g.config.Server.MaxBody
	for i := range g.config.Routes {
		largest = max(largest, g.config.Routes[i].MaxBody)
	}
	return largest
}

// protocolError answers what fasthttp could not read as a request.
func (r *Router) protocolError(ctx *fasthttp.RequestCtx, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.pageFailed(ctx, p)
		}
	}()
	g := r.acquire()
	defer g.release()
	short := r.memory.refused(&ctx.Request.Header)
	r.memory.forget(&ctx.Request.Header)
	defer ctx.Request.SwapBody(nil) // what has come of it is kept no longer
	f := badRequest("the request is not valid HTTP: " + protocolReason(err))
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	conn, _ := ctx.Conn().(*clientConn)
	switch {
	case conn != nil && conn.guard.Fault() != nil: // fasthttp heard of it in its own words
		refused := conn.guard.Fault()
		f.status, f.message = refused.Status, "the request is not valid HTTP: "+refused.Reason
	case conn != nil && conn.full, errors.Is(err, fasthttp.ErrBodyTooLarge) && short:
		f = r.noMemory()
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		f = overLimit(fasthttp.StatusRequestEntityTooLarge, "max_body", g.largestBody())
		f.retryAfter = 0
	case errors.As(err, &small):
		f.status, f.message = fasthttp.StatusRequestHeaderFieldsTooLarge, "the request's head is over 16 KiB"
	case errors.As(err, &timeout) && timeout.Timeout():
		f = r.lateRequest(g, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.message = "the request ended before it was complete"
	}
	ctx.Response.Reset()
	f.write(&ctx.Response, g.config.Server.ErrorFormat)
	id := appendRequestID(nil)
	ctx.Response.Header.SetBytesV(headerRequestID, id)
	ctx.Response.SetConnectionClose()
	limitWrite(ctx, g)
	r.unread(ctx, g, id, f)
	if conn != nil && f.status != fasthttp.StatusRequestTimeout {
		conn.unread.Store(true)
	}
}

// unread accounts for a request that was refused before it was read: it never
// became an exchange, and an operator still finds it.
func (r *Router) unread(ctx *fasthttp.RequestCtx, g *generation, id []byte, f *fault) {
	rec := telemetry.Record{
		Time: time.Now(), RequestID: id, ClientAddress: []byte(peerAddress(ctx)), Status: f.status,
		ReplyBytes: int64(len(ctx.Response.Body())), Outcome: string(f.kind), Err: f.message,
	}
	if h := &ctx.Request.Header; len(h.Host()) > 0 { // its head was read
		rec.Method, rec.Path = h.Method(), ctx.Path()
	}
	r.metrics.Observe(&rec)
	if r.access != nil && g.config.Server.AccessLog {
		r.access.Write(&rec)
	}
}

// protocolReason is what fasthttp says of a request, up to where it starts to
// quote: a key or a prompt could be in it.
func protocolReason(err error) string {
	reason := strings.TrimPrefix(err.Error(), whileReadingHead)
	reason, _, _ = strings.Cut(reason, `"`)
	reason, _, _ = strings.Cut(reason, ": buffer size")
	return strings.TrimRight(reason, ": ")
}

// acquire takes a reference to the running generation.
func (r *Router) acquire() *generation {
	for {
		if g := r.current.Load(); g.acquire() {
			return g
		}
	}
}

// Serve answers requests from ln until Shutdown or HandOver.
func (r *Router) Serve(ln net.Listener) error {
	listener := r.listener(ln, &r.conns)
	if r.options.loops != nil {
		listener = &loopListener{Listener: listener, loops: r.options.loops, patience: r.boot.Server.ClientHeaderTimeout, log: r.options.Logger}
	}
	return r.server.Serve(listener)
}

// ServeAdmin answers the admin pages from ln, to any client, until Shutdown
// or HandOver.
func (r *Router) ServeAdmin(ln net.Listener) error { return r.admin.Serve(r.listener(ln, nil)) }

// listener makes ln patient and known to closeListeners. Its connections are
// counted where there are conns: the operator's never are.
func (r *Router) listener(ln net.Listener, conns *connections) net.Listener {
	patient := &patientListener{Listener: ln, log: r.options.Logger, conns: conns, memory: &r.memory}
	r.listening.Lock()
	defer r.listening.Unlock()
	r.listeners = append(r.listeners, patient)
	return patient
}

// Shutdown closes the listeners, lets open requests and streams finish until
// ctx ends, and gives the generation back. It reports requests that were cut.
func (r *Router) Shutdown(ctx context.Context) error {
	r.Drain()
	r.options.loops.Drain()
	err := r.server.ShutdownWithContext(ctx)
	_ = r.admin.ShutdownWithContext(ctx)
	for ; err == nil && r.inFlight.Load() > 0; err = ctx.Err() {
		time.Sleep(drainLook) // a stream that goes on without fasthttp is no connection of the server's
	}
	if open := r.inFlight.Load(); err != nil && open > 0 {
		r.options.Logger.Warn("requests were cut at exit", "open", open, "knob", "server.drain_timeout")
	}
	r.options.loops.Close() // while there is a generation: what came at the last moment asks for one
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if err == nil { // else requests still hold on to it
		r.current.Load().release()
	}
	return err
}

// patientListener waits out what Accept may fail with and recover from: no
// file descriptor left, a client that left while it waited. fasthttp would end
// Serve.
type patientListener struct {
	net.Listener
	log    *slog.Logger
	conns  *connections // nil: not counted
	memory *bodyMemory
	closed sync.Once
}

// Close implements net.Listener; it may be called again.
func (l *patientListener) Close() (err error) {
	l.closed.Do(func() { err = l.Listener.Close() })
	return err
}

// Accept implements net.Listener.
func (l *patientListener) Accept() (net.Conn, error) {
	const first, longest = 5 * time.Millisecond, time.Second
	for wait := first; ; wait = min(2*wait, longest) {
		conn, err := l.Listener.Accept()
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
			if l.conns == nil {
				return &clientConn{socket: tcp, memory: l.memory}, nil
			}
			if c := l.conns.enter(tcp); c != nil {
				c.memory = l.memory
				return c, nil
			}
			wait = first / 2
			continue
		}
		if err == nil || !passing(err) {
			return conn, err
		}
		l.log.Warn("accepting a connection failed, waiting", "error", err.Error(), "wait", wait.String())
		time.Sleep(wait)
	}
}

func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// silent drops fasthttp's own log lines: what matters of them is answered,
// counted and logged in protocolError.
type silent struct{}

// Printf implements fasthttp.Logger.
func (silent) Printf(string, ...any) {}

// policyStats feeds /metrics; so does serviceSamples.
func (r *Router) policyStats() map[string]plugins.Stats {
	g := r.acquire()
	defer g.release()
	out := make(map[string]plugins.Stats, len(g.policies))
	for name, p := range g.policies {
		out[name] = p.loaded.Stats()
	}
	return out
}
