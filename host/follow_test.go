package host

import (
	"bufio"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// stepped is a service whose streams send an event whenever step gives one, and
// end when it is closed. Other replies are whole.
func stepped(t *testing.T, step <-chan string) string {
	return backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			_, _ = io.WriteString(w, `{"whole":true}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			w.(http.Flusher).Flush()
			select {
			case event, ok := <-step:
				if !ok {
					return
				}
				_, _ = io.WriteString(w, "data: "+event+"\n\n")
			case <-r.Context().Done():
				return
			}
		}
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
	step := make(chan string)
	g := startRig(t, withService(stepped(t, step)), nil)
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
	for range streams {
		step <- "x"
	}
	for _, b := range bodies {
		if line, err := b.ReadString('\n'); line != "data: x\n" {
			t.Errorf("%q %v", line, err)
		}
	}
	soon(t, "they are silent again", func() bool { return inHandlers() == 0 })
	close(step)
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
