package host

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// panicking is a policy that makes the router itself fail in one hook, for
// requests of the client that asks for it.
func panicking(hook abi.Hook) goPolicies {
	return goPolicies{"p": {name: "p", hooks: plugins.HookSet(0).With(hook), call: func(h abi.Hook, x plugins.Exchange) (abi.Action, error) {
		if v, _ := x.Headers(abi.RequestSide).Get([]byte("X-Boom")); h == hook && len(v) > 0 {
			panic("secret-of-the-stack")
		}
		return abi.Continue, nil
	}}}
}

// TestPanicEndsOneRequest: wherever in a request's life the router fails, that
// request alone ends, and nothing of it is left.
func TestPanicEndsOneRequest(t *testing.T) {
	service := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"ok":true}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"n\":1}\n\ndata: [DONE]\n\n")
	})
	const plain, stream = `{"model":"m"}`, `{"model":"m","stream":true}`
	for _, c := range []struct {
		hook  abi.Hook
		body  string
		where string
		cut   bool // the reply had begun
		whole bool // the client has all of its reply
	}{
		{hook: abi.OnRequest, body: plain, where: inRequest},
		{hook: abi.OnRoute, body: plain, where: inRequest},
		{hook: abi.OnResponse, body: plain, where: inRequest},
		{hook: abi.OnResponse, body: stream, where: inRequest},
		{hook: abi.OnEvent, body: stream, where: inStream, cut: true},
		{hook: abi.OnDone, body: plain, where: inAccount, whole: true},
		{hook: abi.OnDone, body: stream, where: inAccount, whole: true},
	} {
		t.Run(fmt.Sprintf("%v/%s", c.hook, c.body), func(t *testing.T) {
			g := startRig(t, withService(service.URL), panicking(c.hook))
			soon(t, "the service is healthy", func() bool { s, _, _ := g.must(c.body); return s == 200 })
			status, _, text, err := g.ask(context.Background(), c.body, "X-Boom", "1", "X-Request-Id", "the-one")
			switch {
			case c.whole:
				if status != 200 || err != nil || strings.Contains(text, "error") {
					t.Errorf("%d %q %v", status, text, err)
				}
			case c.cut:
				if status != 200 || err == nil || !strings.Contains(text, routerFailed) || strings.Contains(text, "[DONE]") {
					t.Errorf("%d %q %v: want an error event and a cut", status, text, err)
				}
			default:
				if status != 500 || err != nil || messageOf(text) != routerFailed {
					t.Errorf("%d %q %v", status, text, err)
				}
			}
			if strings.Contains(text, "secret") || strings.Contains(text, "goroutine") {
				t.Errorf("the client sees the fault: %q", text)
			}
			g.idle()
			log := g.log.String()
			if !strings.Contains(log, "request_id=the-one") || !strings.Contains(log, "secret-of-the-stack") || !strings.Contains(log, "panic_test.go") {
				t.Errorf("log: %s", log)
			}
			want := fmt.Sprintf(`infinirouter_panics_total{in=%q} 1`, c.where)
			if got := g.metric("infinirouter_panics_total"); got != want {
				t.Errorf("counted %s, want %s", got, want)
			}
			if status, _, text := g.must(c.body); status != 200 {
				t.Errorf("the next request: %d %s", status, text)
			}
		})
	}
}

// TestPanicOnAPage: a page that the router cannot write is a 500, no more.
func TestPanicOnAPage(t *testing.T) {
	g := startRig(t, quick, goPolicies{"p": {name: "p", stats: func() plugins.Stats { panic("secret-of-the-stack") }}})
	resp, err := lonely.Get(g.url + "/policies")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 500 || messageOf(string(body)) != routerFailed {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if got := g.metric("infinirouter_panics_total"); got != `infinirouter_panics_total{in="page"} 1` {
		t.Errorf("counted %s", got)
	}
}
