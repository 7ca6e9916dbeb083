package host

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/telemetry"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// noChain is the chain of an exchange that found no route.
var noChain = &chain{}

// accept is step 1: a request becomes an exchange, which takes over the
// caller's reference to g.
func (r *Router) accept(ctx *fasthttp.RequestCtx, g *generation) *exchange {
	x := exchanges.Get().(*exchange)
	x.ctx, x.gen, x.chain, x.metrics, x.draining = ctx, g, noChain, r.metrics, &r.draining
	x.accepted = ctx.Time()
	x.last = ctx.Request.Header.ConnectionClose() // rewrite strips it
	x.takeRequestID()
	seed := xxhash.Sum64(x.id)
	x.random.Seed(seed, seed^0x9e3779b97f4a7c15)
	x.peer = peerAddress(ctx)
	x.client = appendIP(x.client[:0], ctx, x.peer, g.config.Server.TrustForwarded)
	r.inFlight.Add(1)
	r.metrics.RequestStarted()
	return x
}

// takeRequestID keeps the client's id or makes one, and puts it into the
// request, where a service and the policies find it.
func (x *exchange) takeRequestID() {
	h := &x.ctx.Request.Header
	if id := h.Peek(headerRequestID); validRequestID(id) {
		x.id = append(x.id[:0], id...)
		return
	}
	x.id = appendRequestID(x.id[:0])
	h.SetBytesV(headerRequestID, x.id)
}

func appendRequestID(dst []byte) []byte {
	var raw [12]byte
	binary.LittleEndian.PutUint64(raw[:], rand.Uint64())
	binary.LittleEndian.PutUint32(raw[8:], rand.Uint32())
	return hex.AppendEncode(dst, raw[:])
}

// appendIP appends the client's address: the peer's, or where a proxy in front
// is trusted, what that proxy appended to X-Forwarded-For.
func appendIP(dst []byte, ctx *fasthttp.RequestCtx, peer string, trust bool) []byte {
	if trust {
		var value []byte
		if lines := ctx.Request.Header.PeekAll("X-Forwarded-For"); len(lines) > 0 {
			value = lines[len(lines)-1]
		}
		if i := bytes.LastIndexByte(value, ','); i >= 0 {
			value = value[i+1:]
		}
		if value = bytes.TrimSpace(value); len(value) > 0 {
			return append(dst, value...)
		}
	}
	return append(dst, peer...)
}

// peerAddress is the IP address at the other end of the connection.
func peerAddress(ctx *fasthttp.RequestCtx) string {
	c, ok := ctx.Conn().(*clientConn)
	if !ok {
		return addressOf(ctx)
	}
	if c.address == "" {
		c.address = addressOf(ctx)
	}
	return c.address
}

func addressOf(ctx *fasthttp.RequestCtx) string {
	if tcp, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return ctx.RemoteIP().String()
}

func (x *exchange) sinceAccept() time.Duration { return time.Since(x.accepted) }

// finish is step 7: metrics, access log, on_done; then x is let go. It runs
// once per exchange, and nothing in it can fail the exchange.
func (r *Router) finish(x *exchange) {
	r.account(x)
	x.leaveGates()
	r.entrance.queue.Wake()
	r.metrics.RequestDone()
	r.inFlight.Add(-1)
	g := x.gen
	if x.broken { // what a panic left half done, or running, serves nobody again
		x.ctx.Request.SwapBody(nil)
	} else {
		dropBody(x.ctx)
		x.reset()
		exchanges.Put(x)
	}
	g.release()
}

// account says how x went to all who want to know.
func (r *Router) account(x *exchange) {
	defer r.guardAccount(x)
	if x.watch != nil {
		x.watch.Stop()
	}
	x.outcome.total = x.sinceAccept()
	if x.chain.wants(abi.OnDone) {
		x.show(stageDone, nil)
		_, _ = x.chain.run(abi.OnDone, x, r.options.Logger)
	}
	x.fillRecord()
	r.metrics.Observe(&x.record)
	if r.access != nil && x.gen.config.Server.AccessLog {
		r.access.Write(&x.record)
	}
}

// fillRecord gathers what is counted and logged: no prompt, no key.
func (x *exchange) fillRecord() {
	o, rec := &x.outcome, &x.record
	*rec = telemetry.Record{
		Time: x.accepted, RequestID: x.id, Method: x.ctx.Method(), Path: x.ctx.Path(),
		ClientAddress: x.client, APIKeyID: x.keyID, ModelAsked: x.asked, Model: x.served,
		Service: o.service, Status: o.status, Attempts: o.attempts,
		BodyBytes: int64(len(x.body.raw)), ReplyBytes: o.replyBytes,
		Queued: o.queued, FirstByte: o.firstByte, Total: o.total, Stream: x.body.stream(),
		Fallback: x.fallback, Outcome: string(o.kind), Err: o.err, Vars: rec.Vars[:0],
	}
	if x.route != nil {
		rec.Route = x.route.Config.Name
	}
	if o.hasUsage {
		rec.TokensIn, rec.TokensOut = o.usage.In, o.usage.Out
	}
	for _, e := range x.vars.entries {
		if name := x.vars.at(e.name); bytes.HasPrefix(name, logVarPrefix) {
			rec.Vars = append(rec.Vars, telemetry.Var{Name: name, Value: x.vars.at(e.value)})
		}
	}
}

// logVarPrefix marks the vars that go into the access log.
var logVarPrefix = []byte("log.")

// noteUsage looks for the token counts that services put into a late event.
func (x *exchange) noteUsage(batch []byte) {
	if !openai.NamesUsage(batch) {
		return
	}
	for len(batch) > 0 {
		n := openai.EventEnd(batch)
		if n == 0 {
			n = len(batch) // the stream's last event, without its blank line
		}
		x.outcome.addUsage(openai.EventData(nil, batch[:n]))
		batch = batch[n:]
	}
}

// reset lets go of everything that belongs to a request and keeps memory for
// the next one, up to a size that an idle exchange may hold.
func (x *exchange) reset() {
	const keep = 64 << 10
	x.body.reset()
	x.emptyOwn()
	x.replyDoc.Reset()
	x.vars.reset()
	x.metrics, x.manner = nil, nil
	x.ctx, x.gen, x.route, x.chain, x.watch, x.target, x.opened = nil, nil, nil, nil, nil, nil, nil
	x.keyID, x.peer, x.last, x.begun = "", "", false, false
	x.asked, x.served, x.data, x.stage, x.docState = nil, nil, nil, stageRequest, docUnparsed
	x.outcome = outcome{}
	x.dropReply()
	x.request = forward.Request{}
	x.headAfter, x.fallback, x.sent, x.failed = 0, "", time.Time{}, nil
	clear(x.gates)
	x.gates, x.shut = x.gates[:0], nil
	clear(x.cands)
	clear(x.serving)
	clear(x.plan)
	x.cands, x.serving, x.plan, x.ranked = x.cands[:0], x.serving[:0], x.plan[:0], nil
	if cap(x.body.rendered) > keep {
		x.body.rendered = nil
	}
}
