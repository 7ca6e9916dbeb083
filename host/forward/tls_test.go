package forward

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// newSecureFake is newFake behind TLS.
func newSecureFake(t *testing.T, handle func(p *peer)) *fake {
	t.Helper()
	model := httptest.NewTLSServer(nil)
	certs, roots := model.TLS.Certificates, x509.NewCertPool()
	roots.AddCert(model.Certificate())
	model.Close()
	s := newFake(t, func(p *peer) {
		c := tls.Server(p.Conn, &tls.Config{Certificates: certs})
		if c.Handshake() != nil {
			return
		}
		handle(&peer{c, p.f, bufio.NewReader(c)})
		_ = c.CloseWrite()
	})
	s.hc.IsTLS, s.hc.TLSConfig = true, &tls.Config{RootCAs: roots}
	return s
}

func TestTLS(t *testing.T) {
	checkLeaks(t)
	s := newSecureFake(t, answering(okJSON))
	f := New(Options{})
	for _, size := range []int{2, 100, 1 << 20, 2} {
		status, body, err := ask(f, newRequest(strings.Repeat("x", size)), s)
		if err != nil || status != 200 || body != `{"ok":true}` {
			t.Fatalf("got %d %q %v", status, body, err)
		}
	}
	if n := s.accepted.Load(); n != 1 {
		t.Errorf("4 requests took %d connections", n)
	}
}

func TestTLSUntrusted(t *testing.T) {
	checkLeaks(t)
	s, alive := newSecureFake(t, answering(okJSON)), newFake(t, answering(okJSON))
	s.hc.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	var k tries
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s, alive}, 1, nil, k.note)
	if err != nil || len(k) != 1 || k[0] != KindConnect {
		t.Fatalf("got %v, failures %v", err, k)
	}
	reply.Close()
	_, err = New(Options{}).Send(newRequest("{}"), []Target{s}, 1, nil, nil)
	e := wantKind(t, err, KindConnect, 502)
	var unknown x509.UnknownAuthorityError
	if !errors.As(e, &unknown) || strings.Contains(e.Public(), "x509") {
		t.Errorf("%v, %q", e, e.Public())
	}
	if s.requests.Load() != 0 {
		t.Error("the request went to a service that is not trusted")
	}
}

// TestTLSLeftovers: bytes behind a reply, decrypted already and not handed out.
func TestTLSLeftovers(t *testing.T) {
	checkLeaks(t)
	head := h11 + ctj + "Content-Length: 4000\r\nX-Fill: "
	fill := inputSize - len(head) - len("\r\n\r\n") - 4000
	wire := head + strings.Repeat("x", fill) + "\r\n\r\n" + strings.Repeat("b", 4000)
	s := newSecureFake(t, answering(wire+okJSON))
	_, body, err := ask(New(Options{}), newRequest("{}"), s)
	if err != nil || len(body) != 4000 {
		t.Fatalf("got %d bytes, %v", len(body), err)
	}
	if s.hc.ConnsCount() != 0 {
		t.Error("a connection with half a reply in it was pooled")
	}
}

// TestTLSCut: a body until close may end where the connection does, but not in
// the middle of a record.
func TestTLSCut(t *testing.T) {
	checkLeaks(t)
	for _, clean := range []bool{true, false} {
		s := newSecureFake(t, func(p *peer) {
			p.request()
			p.say(h11 + "\r\nhello")
			if !clean {
				raw := p.Conn.(*tls.Conn).NetConn().(*net.TCPConn)
				_, _ = raw.Write([]byte{0x17, 3, 3, 0, 99, 1})
				_ = raw.CloseWrite()
			}
		})
		_, body, err := ask(New(Options{}), newRequest("{}"), s)
		if body != "hello" || (err == nil) != clean {
			t.Errorf("clean %v: got %q, %v", clean, body, err)
		}
	}
}

// TestTLSHandshakeHangs: the time to connect includes it, and a client that
// leaves ends it.
func TestTLSHandshakeHangs(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, func(p *peer) { p.closed() })
	s.hc.IsTLS, s.hc.TLSConfig = true, &tls.Config{InsecureSkipVerify: true}
	_, err := New(Options{ConnectTimeout: 30 * time.Millisecond}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	wantKind(t, err, KindConnect, 502)

	client, server := clientPair(t)
	w := NewWatch(server)
	go func() { _ = client.Close() }()
	_, err = New(Options{ConnectTimeout: time.Second}).Send(newRequest("{}"), []Target{s}, 0, w, nil)
	wantKind(t, err, KindClientGone, StatusClientGone)
	w.Stop()
	eventually(t, "the handshake was given up", func() bool { return s.hc.ConnsCount() == 0 })
}

func TestTLSClientLeaves(t *testing.T) {
	checkLeaks(t)
	got, seen := make(chan struct{}), make(chan struct{})
	s := newSecureFake(t, func(p *peer) {
		p.request()
		close(got)
		p.closed()
		close(seen)
	})
	client, server := clientPair(t)
	w := NewWatch(server)
	go func() { <-got; _ = client.Close() }()
	_, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, w, nil)
	wantKind(t, err, KindClientGone, StatusClientGone)
	<-seen
	w.Stop()
}
