package service

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Service is a running fake service. Its methods may be called from any
// goroutine.
type Service struct {
	cfg     Config
	addr    string
	created int64 // of the models, Unix seconds
	ids     atomic.Uint64
	log     recorder
	gates   gates

	mu     sync.Mutex
	server *http.Server // nil while down
	served chan struct{}
	held   io.Closer // the port, while down
	models []string
	faults Faults
	conns  map[net.Conn]struct{}
}

// Start starts a service. The caller must Close it.
func Start(cfg Config) (*Service, error) {
	cfg = cfg.withDefaults()
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("fake service %s: %w", cfg.Name, err)
	}
	s := &Service{
		cfg:     cfg,
		addr:    ln.Addr().String(),
		created: time.Now().Unix(),
		models:  slices.Clone(cfg.Models),
		faults:  cfg.Faults,
		conns:   map[net.Conn]struct{}{},
	}
	s.log.init(cfg.Record)
	s.serve(ln)
	return s, nil
}

func (s *Service) serve(ln net.Listener) {
	server := &http.Server{
		Handler:   http.HandlerFunc(s.handle),
		ConnState: s.connState,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	served := make(chan struct{})
	s.mu.Lock()
	s.server, s.served = server, served
	s.mu.Unlock()
	go func() {
		defer close(served)
		_ = server.Serve(ln) // ends with ErrServerClosed, by Down or Close
	}()
}

func (s *Service) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	}
}

// URL returns the service's base URL, such as "http://127.0.0.1:41234".
func (s *Service) URL() string { return "http://" + s.addr }

// Addr returns the service's host and port.
func (s *Service) Addr() string { return s.addr }

// Name returns the service's name.
func (s *Service) Name() string { return s.cfg.Name }

// SetFaults replaces the faults of requests to come.
func (s *Service) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// SetModels replaces the models that the service serves and lists.
func (s *Service) SetModels(models ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.models = slices.Clone(models)
}

// Models returns the models that the service serves.
func (s *Service) Models() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.models)
}

func (s *Service) currentFaults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

func (s *Service) serves(model string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.models, model)
}

// Connections returns how many client connections are open, idle ones included.
func (s *Service) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// CloseIdle closes connections that no request is using, as a service does
// whose keep-alive time is over.
func (s *Service) CloseIdle() {
	s.mu.Lock()
	server := s.server
	s.mu.Unlock()
	if server != nil {
		server.SetKeepAlivesEnabled(false)
		server.SetKeepAlivesEnabled(true)
	}
}

// Down makes the service refuse connections, and cuts those that are open. The
// port stays reserved for Up.
func (s *Service) Down() error {
	s.mu.Lock()
	server, served := s.server, s.served
	s.server = nil
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	err := server.Close()
	<-served
	held, holdErr := hold(s.addr)
	if holdErr != nil {
		return fmt.Errorf("fake service %s: keep the port %s: %w", s.cfg.Name, s.addr, holdErr)
	}
	s.mu.Lock()
	s.held = held
	s.mu.Unlock()
	return err
}

// Up undoes Down.
func (s *Service) Up() error {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	if held == nil {
		return errors.New("fake service is not down")
	}
	ln, err := release(held, s.addr)
	if err != nil {
		return fmt.Errorf("fake service %s: listen again on %s: %w", s.cfg.Name, s.addr, err)
	}
	s.serve(ln)
	return nil
}

// Close cuts every connection and stops the service. It waits for the handlers
// of open requests to end.
func (s *Service) Close() {
	s.mu.Lock()
	server, served, held := s.server, s.served, s.held
	s.server, s.held = nil, nil
	s.mu.Unlock()
	if held != nil {
		_ = held.Close()
	}
	if server != nil {
		_ = server.Close()
		<-served
	}
	s.log.waitIdle()
}
