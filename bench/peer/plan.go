package peer

import (
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// Model is the model that the services have, and Alias the name that clients ask
// for, which the policy alias leads to it. The services must answer to both,
// since most peers pass the alias on.
const (
	Model = "Qwen3-32B"
	Alias = "gpt-4"
)

// Plan is what a peer is told.
type Plan struct {
	Host, Port  string   // where to listen
	Services    []string // HOST:PORT each; programs that cannot balance take the first
	Workers     int      // as many as CPUs
	Connections int      // the most, of both sides
	Files       int      // that the process may have open
	Failover    bool     // look after services: check them, give up on one that is slow
	Root        bool     // it is run by root
	Dir         string   // of its own, for its configuration and what else it writes
	Plugins     string   // folder of the router's compiled policies
	Policies    []string // of the router
	Model       string
	Alias       string
}

func (c Plan) file(name string) string { return filepath.Join(c.Dir, name) }

//go:embed config
var configs embed.FS

// Render returns the configuration that the peer gets, "" if it has none.
func (p Peer) Render(c Plan) (string, error) {
	if p.config == "" {
		return "", nil
	}
	c.Policies, c.Model, c.Alias = p.policies, Model, Alias
	t, err := template.New(p.config).Funcs(template.FuncMap{"has": slices.Contains[[]string]}).
		Option("missingkey=error").ParseFS(configs, "config/"+p.config)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	if err := t.Execute(&text, c); err != nil {
		return "", fmt.Errorf("configuration of %s: %w", p.Name, err)
	}
	return text.String(), nil
}
