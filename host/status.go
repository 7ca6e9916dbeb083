package host

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/admin"
	"github.com/infinirouter/infinirouter/host/openai"
)

// publicPage is statusPage for clients. Where keys are configured they need one
// for these pages too, but for /health, /livez and /readyz, which load balancers
// and orchestrators ask.
func (r *Router) publicPage(ctx *fasthttp.RequestCtx, g *generation) bool {
	path := ctx.Path()
	if len(g.keys) > 0 && string(path) != "/health" && !isLifePage(path) && isStatusPage(path, endpointName(bytes.TrimRight(path, "/"))) {
		if _, _, ok := g.keyIn(&ctx.Request.Header); !ok {
			needsKey().write(&ctx.Response, g.config.Server.ErrorFormat)
			return true
		}
	}
	return r.statusPage(ctx, g)
}

// page answers a request for a page and reports whether it was one.
func (r *Router) page(ctx *fasthttp.RequestCtx, g *generation) (done bool) {
	defer func() {
		if p := recover(); p != nil {
			r.pageFailed(ctx, p)
			done = true
		}
	}()
	if !r.publicPage(ctx, g) {
		return false
	}
	r.markPage(ctx, g)
	return true
}

// statusPage answers a page about the router itself and reports whether the
// request asked for one. Nothing here counts as a request.
func (r *Router) statusPage(ctx *fasthttp.RequestCtx, g *generation) bool {
	path := ctx.Path()
	if isAdminPage(path) {
		if r.boot.Server.AdminListen != "" || !isLoopback(ctx) {
			return false // to anyone else it is a path that is not there
		}
		r.adminPage(ctx, g)
		return true
	}
	name := endpointName(bytes.TrimRight(path, "/"))
	if !ctx.IsGet() && !ctx.IsHead() {
		if !isStatusPage(path, name) || g.named[string(path)] {
			return false
		}
		g.refuseMethod(ctx, "GET")
		return true
	}
	switch {
	case r.lifePage(ctx, g):
	case string(path) == "/health":
		page, healthy := admin.Health(g.serviceViews(), time.Now())
		if !healthy {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		}
		writeJSON(ctx, page)
	case string(name) == "models":
		writeJSON(ctx, openai.AppendModels(nil, g.services.Models()))
	case bytes.HasPrefix(name, modelsPrefix):
		g.modelPage(ctx, name[len(modelsPrefix):])
	case string(path) == "/services":
		writeJSON(ctx, admin.Services(append(g.serviceViews(), g.leavingViews()...)))
	case string(path) == "/stats":
		writeJSON(ctx, admin.Stats(g.serviceViews()))
	default:
		return false
	}
	return true
}

// isStatusPage reports whether path, whose endpoint name is name, is a page
// that statusPage answers.
func isStatusPage(path, name []byte) bool {
	return isLifePage(path) || string(path) == "/health" || string(path) == "/services" || string(path) == "/stats" ||
		string(name) == "models" || bytes.HasPrefix(name, modelsPrefix)
}

// refuseMethod answers a page that was asked for with a method that it has not.
func (g *generation) refuseMethod(ctx *fasthttp.RequestCtx, allowed string) {
	ctx.Response.Header.Set("Allow", allowed)
	f := &fault{status: fasthttp.StatusMethodNotAllowed, message: fmt.Sprintf("%s takes %s, not %s", printable(ctx.Path()), allowed, printable(ctx.Method()))}
	f.write(&ctx.Response, g.config.Server.ErrorFormat)
}

// markPage sets what every answer carries, beside those of requests.
func (r *Router) markPage(ctx *fasthttp.RequestCtx, g *generation) {
	if r.draining.Load() || connectionOver(ctx) != nil {
		ctx.SetConnectionClose()
	}
	id := ctx.Request.Header.Peek(headerRequestID)
	if !validRequestID(id) {
		id = appendRequestID(nil)
	}
	ctx.Response.Header.SetBytesV(headerRequestID, id)
	limitWrite(ctx, g)
}

var modelsPrefix = []byte("models/")

// modelPage is GET /v1/models/{id}.
func (g *generation) modelPage(ctx *fasthttp.RequestCtx, id []byte) {
	for _, m := range g.services.Models() {
		if m.ID == string(id) {
			writeJSON(ctx, openai.AppendModel(nil, m))
			return
		}
	}
	f := g.noModel(id)
	f.status = fasthttp.StatusNotFound
	f.write(&ctx.Response, g.config.Server.ErrorFormat)
}

func writeJSON(ctx *fasthttp.RequestCtx, page []byte) {
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(page)
}

// The operator's pages.
const (
	pagePolicies = "/policies"
	pageMetrics  = "/metrics"
	pageReload   = "/admin/reload"
)

func isAdminPage(path []byte) bool {
	return slices.Contains([]string{pagePolicies, pageMetrics, pageReload}, string(path))
}

// handleAdmin serves server.admin_listen.
func (r *Router) handleAdmin(ctx *fasthttp.RequestCtx) {
	r.memory.arrived(ctx)
	defer dropBody(ctx)
	g := r.acquire()
	defer g.release()
	defer func() {
		if p := recover(); p != nil {
			r.pageFailed(ctx, p)
		}
	}()
	defer r.markPage(ctx, g)
	if isAdminPage(ctx.Path()) {
		r.adminPage(ctx, g)
		return
	}
	if !r.statusPage(ctx, g) {
		f := &fault{status: fasthttp.StatusNotFound, message: "no such page: this is server.admin_listen"}
		f.write(&ctx.Response, g.config.Server.ErrorFormat)
	}
}

func (r *Router) adminPage(ctx *fasthttp.RequestCtx, g *generation) {
	page, method := string(ctx.Path()), "GET"
	if page == pageReload {
		method = "POST"
	}
	if string(ctx.Method()) != method {
		g.refuseMethod(ctx, method)
		return
	}
	switch page {
	case pagePolicies:
		writeJSON(ctx, admin.Policies(g.number, g.policyViews()))
	case pageMetrics:
		body, contentType := r.metrics.Exposition(string(ctx.Request.Header.Peek("Accept")))
		ctx.Response.Header.SetContentType(contentType)
		ctx.Response.SetBodyRaw(body)
	case pageReload:
		report, err := r.Reload(context.Background())
		if err != nil {
			ctx.SetStatusCode(fasthttp.StatusUnprocessableEntity)
		}
		writeJSON(ctx, admin.Reloaded(report.Generation, report.Changed, report.Warnings, report.Unused, err))
	}
}

func (g *generation) policyViews() []admin.Policy {
	out := make([]admin.Policy, 0, len(g.policies))
	for i := range g.config.Policies {
		p := g.policies[g.config.Policies[i].Name]
		out = append(out, admin.Policy{Name: p.config.Name, OnError: p.config.OnError, Stats: p.loaded.Stats()})
	}
	return out
}
