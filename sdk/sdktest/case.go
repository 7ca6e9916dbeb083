package sdktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Case is one exchange through a policy, and what is wanted of it.
type Case struct {
	Name       string             `json:"name"`
	Config     json.RawMessage    `json:"config"`
	Grants     []string           `json:"grants"`
	Request    Request            `json:"request"`
	Candidates []Candidate        `json:"candidates"`
	Reply      *Reply             `json:"reply"`
	Events     []Text             `json:"events"`
	Properties map[string]string  `json:"properties"`
	Numbers    map[string]float64 `json:"numbers"`
	Vars       map[string]string  `json:"vars"`
	KV         map[string]string  `json:"kv"`
	Want       Want               `json:"want"`
}

// Request is what the client sent.
type Request struct {
	Method        string            `json:"method"` // default POST
	Path          string            `json:"path"`   // default /v1/chat/completions
	Headers       map[string]string `json:"headers"`
	ClientAddress string            `json:"client_address"` // default 127.0.0.1
	APIKeyID      string            `json:"api_key_id"`
	RequestID     string            `json:"request_id"` // default "test"
	Seed          uint64            `json:"seed"`
	Now           int64             `json:"now"` // milliseconds since 1970
	Body          Text              `json:"body"`
}

// Candidate is a service that could take the exchange. A number that is not
// given is not known, but for Weight: 1, and InFlight: 0.
type Candidate struct {
	Name      string            `json:"name"`
	URL       string            `json:"url"`
	Labels    map[string]string `json:"labels"`
	Weight    *float64          `json:"weight"`
	InFlight  float64           `json:"in_flight"`
	Queue     *float64          `json:"queue"`
	Latency   *float64          `json:"latency"`
	CacheUse  *float64          `json:"cache_use"`
	ErrorRate *float64          `json:"error_rate"`
}

// Reply is what the service answered.
type Reply struct {
	Status  int               `json:"status"` // default 200
	Headers map[string]string `json:"headers"`
	Body    Text              `json:"body"`
}

// Want is what a case compares. The zero value of a field is not compared.
type Want struct {
	ConfigureError string             `json:"configure_error"`
	Hooks          []string           `json:"hooks"`
	Action         string             `json:"action"`
	Failed         string             `json:"failed"`
	Reply          *EarlyReply        `json:"reply"`
	Model          *string            `json:"model"`
	Body           *Text              `json:"body"`
	Headers        map[string]*string `json:"headers"`
	Scores         map[string]float64 `json:"scores"`
	Vars           map[string]*string `json:"vars"`
	KV             map[string]string  `json:"kv"`
	Events         []Text             `json:"events"`
	Ended          bool               `json:"ended"`
	Metrics        map[string]float64 `json:"metrics"`
	ReplyHeaders   map[string]*string `json:"reply_headers"`
	ReplyBody      *Text              `json:"reply_body"`
}

// EarlyReply is what a policy answers with in the service's place.
type EarlyReply struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Body   Text   `json:"body"`
}

// Text is a body: of a JSON value its compact form, of a string its text.
type Text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		var s string
		err := json.Unmarshal(raw, &s)
		*t = Text(s)
		return err
	}
	if string(raw) == "null" {
		return nil
	}
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	*t = Text(b.String())
	return err
}

// Load reads a file of cases. A key that no case has is an error.
func Load(path string) ([]Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var cases []Case
	if err := dec.Decode(&cases); err != nil {
		return nil, fmt.Errorf("%s: line %d: %w", path, 1+bytes.Count(text[:dec.InputOffset()], []byte("\n")), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: something follows the list of cases", path)
	}
	names := map[string]bool{}
	for i := range cases {
		if err := cases[i].complete(); err != nil {
			return nil, fmt.Errorf("%s: case %d %q: %w", path, i, cases[i].Name, err)
		}
		if names[cases[i].Name] {
			return nil, fmt.Errorf("%s: case %d: the name %q is there twice", path, i, cases[i].Name)
		}
		names[cases[i].Name] = true
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("%s: no cases", path)
	}
	return cases, nil
}

// complete fills in the defaults and checks what a case can get wrong.
func (c *Case) complete() error {
	if c.Name == "" {
		return fmt.Errorf("a case needs a name")
	}
	if len(c.Config) == 0 {
		c.Config = json.RawMessage("{}")
	}
	if _, err := c.GrantSet(); err != nil {
		return err
	}
	for name := range c.Properties {
		if propertyNames[name] == 0 {
			return fmt.Errorf("properties: there is no property %q", name)
		}
	}
	for name := range c.Numbers {
		if numberNames[name] == 0 {
			return fmt.Errorf("numbers: there is no number %q", name)
		}
	}
	r := &c.Request
	r.Method = or(r.Method, "POST")
	r.Path = or(r.Path, "/v1/chat/completions")
	r.ClientAddress = or(r.ClientAddress, "127.0.0.1")
	r.RequestID = or(r.RequestID, "test")
	if c.Reply == nil && c.Events != nil {
		c.Reply = &Reply{}
	}
	if c.Reply != nil && c.Reply.Status == 0 {
		c.Reply.Status = 200
	}
	return nil
}

// GrantSet returns the case's grants as the ABI numbers them.
func (c *Case) GrantSet() (abi.Grant, error) {
	var set abi.Grant
	for _, name := range c.Grants {
		g, ok := abi.GrantNames[name]
		if !ok {
			return 0, fmt.Errorf("grants: there is no grant %q", name)
		}
		set |= g
	}
	return set, nil
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

var propertyNames = map[string]abi.Property{
	"method": abi.PropertyMethod, "path": abi.PropertyPath, "route": abi.PropertyRoute,
	"model": abi.PropertyModel, "requested_model": abi.PropertyRequestedModel,
	"client_address": abi.PropertyClientAddress, "api_key_id": abi.PropertyAPIKeyID,
	"request_id": abi.PropertyRequestID, "stream": abi.PropertyStream, "service": abi.PropertyService,
	"outcome": abi.PropertyOutcome, "endpoint": abi.PropertyEndpoint,
}

var numberNames = map[string]abi.Number{
	"body_bytes": abi.NumberBodyBytes, "messages": abi.NumberMessages, "prompt_chars": abi.NumberPromptChars,
	"attempt": abi.NumberAttempt, "status": abi.NumberStatus, "time_to_first_token": abi.NumberTimeToFirstToken,
	"duration": abi.NumberDuration, "tokens_in": abi.NumberTokensIn, "tokens_out": abi.NumberTokensOut,
	"reply_bytes": abi.NumberReplyBytes, "events": abi.NumberEvents,
}
