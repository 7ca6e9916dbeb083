package host

import (
	"bufio"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// stepped is a service whose stream, of which there is one at a time, sends an event
// whenever step gives one, and ends when it is closed. Other replies are whole.
func stepped(t *testing.T, step <-chan string) string {
	return streaming(t, func(send func(string), left <-chan struct{}) {
		for {
			select {
			case event, ok := <-step:
				if !ok {
					return
				}
				send(event)
			case <-left:
				return
			}
		}
	})
}

// together is a service of any number of streams, each of which sends an event when
// one is closed, and ends when end is.
func together(t *testing.T, one, end <-chan struct{}) string {
	return streaming(t, func(send func(string), left <-chan struct{}) {
		select {
		case <-one:
		case <-left:
		}
		send("x")
		select {
		case <-end:
		case <-left:
		}
	})
}

// streaming is a service whose streams are what each sends, and whose other replies are
// whole.
func streaming(t *testing.T, each func(send func(event string), left <-chan struct{})) string {
	return backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			_, _ = io.WriteString(w, `{"whole":true}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		each(func(event string) {
			_, _ = io.WriteString(w, "data: "+event+"\n\n")
			w.(http.Flusher).Flush()
		}, r.Context().Done())
	}).URL
}

const askStream = `{"model":"m","stream":true,"messages":[]}`

// inHandlers counts goroutines and coroutines that are in a request.
func inHandlers() int {
	stacks := make([]byte, 8<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "host.(*Router).serveLooped")
}

// TestSilentStreamsTakeNoStack: while nothing comes, a stream is in no function.
func TestSilentStreamsTakeNoStack(t *testing.T) {
	one, end := make(chan struct{}), make(chan struct{})
	g := startRig(t, withService(together(t, one, end)), nil)
	soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
	const streams = 50
	var clients []*talk
	heads := func(c *talk) *bufio.Reader {
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		return bufio.NewReader(resp.Body)
	}
	var bodies []*bufio.Reader
	for range streams {
		c := g.dial()
		c.send(chatPath, askStream)
		clients, bodies = append(clients, c), append(bodies, heads(c))
	}
	soon(t, "all streams are silent", func() bool { return inHandlers() == 0 })
	if n := g.inFlight.Load(); n != streams {
		t.Errorf("%d in flight", n)
	}
	close(one)
	for _, b := range bodies {
		if line, err := b.ReadString('\n'); line != "data: x\n" {
			t.Errorf("%q %v", line, err)
		}
	}
	soon(t, "they are silent again", func() bool { return inHandlers() == 0 })
	close(end)
	for i, b := range bodies {
		if rest, err := io.ReadAll(b); string(rest) != "\n" || err != nil {
			t.Errorf("%q %v", rest, err)
		}
		clients[i].send(chatPath, askM)
		if resp, body := clients[i].hear(); resp.StatusCode != 200 || body != `{"whole":true}` {
			t.Errorf("after the stream: %d %s", resp.StatusCode, body)
		}
	}
	soon(t, "nothing is in flight", func() bool { return g.inFlight.Load() == 0 })
}

// TestRequestBehindAStream: what a client sends before its stream has ended is
// answered after it, whether it came with the stream's request or while that was
// silent.
func TestRequestBehindAStream(t *testing.T) {
	for _, at := range []string{"at once", "meanwhile"} {
		t.Run(at, func(t *testing.T) {
			step := make(chan string)
			g := startRig(t, withService(stepped(t, step)), nil)
			soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
			c := g.dial()
			if at == "at once" {
				c.send(chatPath+" HTTP/1.1\r\nHost: router\r\nContent-Length: 41\r\n\r\n"+askStream+chatPath, askM)
			} else {
				c.send(chatPath, askStream)
			}
			resp, err := http.ReadResponse(c.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if at == "at once" {
				soon(t, "the handler stays", func() bool { return inHandlers() == 1 })
			}
			body := bufio.NewReader(resp.Body)
			for i := range 3 {
				step <- "x"
				if line, err := body.ReadString('\n'); line != "data: x\n" {
					t.Errorf("%q %v", line, err)
				}
				_, _ = body.ReadString('\n')
				if at == "meanwhile" && i == 1 {
					soon(t, "the stream is silent", func() bool { return inHandlers() == 0 })
					c.send(chatPath, askM)
				}
			}
			close(step)
			if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
				t.Errorf("%q %v", rest, err)
			}
			if resp, body := c.hear(); resp.StatusCode != 200 || body != `{"whole":true}` {
				t.Errorf("the request behind: %d %s", resp.StatusCode, body)
			}
		})
	}
}

// TestAConnectionRestsAfterAStream: a page that follows later than the stream's own
// deadlines is written, and idle_timeout counts from the stream's end.
func TestAConnectionRestsAfterAStream(t *testing.T) {
	step := make(chan string)
	close(step)
	service := stepped(t, step)
	stream := func(server string) (*rig, *talk) {
		g := startRig(t, withService(service, "[server]\n"+server), nil)
		soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
		c := g.dial()
		c.send(chatPath, askStream)
		if resp, body := c.hear(); resp.StatusCode != 200 || body != "" || resp.Close {
			t.Fatal(resp, body)
		}
		return g, c
	}
	_, c := stream("client_write_timeout = \"100ms\"")
	time.Sleep(200 * time.Millisecond)
	c.send("GET /health", "")
	if resp, _ := c.hear(); resp.StatusCode != 200 {
		t.Error(resp.StatusCode)
	}
	began := time.Now()
	g, c := stream("idle_timeout = \"1s\"")
	if !c.ended() {
		t.Error("it stays open")
	}
	if waited := time.Since(began); waited < time.Second {
		t.Errorf("closed after %v", waited)
	}
	soon(t, "it is counted no more", func() bool { return g.conns.open.Load() == 0 })
}

// TestSilenceEndsAStream: stream_idle_timeout counts while nobody has the stream.
func TestSilenceEndsAStream(t *testing.T) {
	step := make(chan string)
	defer close(step)
	g := startRig(t, withService(stepped(t, step), "[server]\nstream_idle_timeout = \"200ms\""), nil)
	soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
	c := g.dial()
	c.send(chatPath, askStream)
	step <- "x"
	reply, err := io.ReadAll(c.in)
	if text := string(reply); err != nil || !strings.Contains(text, "data: x\n") || !strings.Contains(text, "stream_idle_timeout") || strings.HasSuffix(text, "0\r\n\r\n") {
		t.Errorf("%q %v", text, err)
	}
}

// TestCloseAfterAStream: a client that wants its connection closed gets that, whatever
// policies and heartbeats do to heads.
func TestCloseAfterAStream(t *testing.T) {
	idle := func(abi.Hook, plugins.Exchange) (abi.Action, error) { return abi.Continue, nil }
	for name, with := range map[string]struct {
		hook  abi.Hook
		route string
	}{
		"on_request":                 {abi.OnRequest, ""},
		"on_response":                {abi.OnResponse, ""},
		"heartbeats":                 {abi.OnDone, "heartbeat = \"100ms\"\n"},
		"heartbeats and on_response": {abi.OnResponse, "heartbeat = \"100ms\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			slow := make(chan struct{})
			service := backend(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if strings.Contains(string(body), `"stream":true`) {
					<-slow
					w.Header().Set("Content-Type", "text/event-stream")
				}
				_, _ = io.WriteString(w, "data: 1\n\n")
			}).URL
			g := startRig(t, withService(service)+"[[routes]]\nname = \"r\"\npolicies = [\"p\"]\n"+with.route,
				goPolicies{"p": {name: "p", hooks: plugins.HookSet(0).With(with.hook), call: idle}})
			soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
			c := g.dial()
			c.send(chatPath, askStream, "Connection: close")
			first := []byte{}
			if with.route != "" { // the client's reply has begun before the service's
				first = make([]byte, len("HTTP/1.1 200 OK"))
				if _, err := io.ReadFull(c.in, first); err != nil {
					t.Fatal(err)
				}
			}
			close(slow)
			rest, err := io.ReadAll(c.in)
			if text := string(first) + string(rest); err != nil || !strings.Contains(text, "\r\nConnection: close\r\n") || !strings.HasSuffix(text, "data: 1\n\n\r\n0\r\n\r\n") {
				t.Errorf("%q %v", text, err)
			}
		})
	}
}

// TestNonsenseBehindAStream is answered after it.
func TestNonsenseBehindAStream(t *testing.T) {
	step := make(chan string)
	g := startRig(t, withService(stepped(t, step)), nil)
	soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
	c := g.dial()
	c.send(chatPath+" HTTP/1.1\r\nHost: router\r\nContent-Length: 41\r\n\r\n"+askStream+"nonsense\n", "")
	step <- "x"
	close(step)
	reply, err := io.ReadAll(c.in)
	_, after, _ := strings.Cut(string(reply), "data: x\n\n\r\n0\r\n\r\n")
	if err != nil || !strings.HasPrefix(after, "HTTP/1.1 400 ") {
		t.Errorf("%q %v", reply, err)
	}
}

// TestStreamsEndWhileDraining: each is whole, and then its connection is closed,
// also where the next request had come.
func TestStreamsEndWhileDraining(t *testing.T) {
	one := make(chan struct{})
	g := startRig(t, withService(together(t, one, one)), nil)
	soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
	var clients []*talk
	for i := range 20 {
		c := g.dial()
		c.send(chatPath, askStream)
		clients = append(clients, c)
		if i%2 == 1 {
			soon(t, "the streams are silent", func() bool { return int(g.inFlight.Load()) == i+1 && inHandlers() == 0 })
			c.send(chatPath, askM)
		}
	}
	go func() {
		for !g.options.loops.Draining() {
			time.Sleep(time.Millisecond)
		}
		close(one)
	}()
	g.shutdown()
	for _, c := range clients {
		reply, err := io.ReadAll(c.in)
		if err != nil || !strings.HasSuffix(string(reply), "data: x\n\n\r\n0\r\n\r\n") {
			t.Errorf("%q %v", reply, err)
		}
	}
}

// TestDetachOnTheSide: with heartbeats a policy's calls are made by another goroutine
// than the one that serves the client, which they must not stop.
func TestDetachOnTheSide(t *testing.T) {
	step := make(chan string)
	close(step)
	detaches := func(_ abi.Hook, x plugins.Exchange) (abi.Action, error) {
		for range 100 {
			x.(plugins.Detacher).Detach()
			runtime.Gosched()
		}
		return abi.Continue, nil
	}
	g := startRig(t, withService(stepped(t, step))+"[[routes]]\nname = \"r\"\npolicies = [\"p\"]\nheartbeat = \"100ms\"\n",
		goPolicies{"p": {name: "p", hooks: plugins.HookSet(0).With(abi.OnRoute), call: detaches}})
	soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
	c := g.dial()
	for range 100 {
		c.send(chatPath, askStream)
		if resp, body := c.hear(); resp.StatusCode != 200 || body != "" {
			t.Fatal(resp.StatusCode, body)
		}
	}
}
