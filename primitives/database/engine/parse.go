package engine

import (
	"errors"
	"io"
	"net/http"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// asked is what the caller said, read with a snapshot of the schema.
type asked struct {
	snapshot *schema.Snapshot
	request  *request.Request
	// shape is what other requests of the same shape start from: without values
	// and body. memory is what is known about them.
	shape  *request.Request
	memory recollection
}

// parse reads a request, its body included.
func (e *Engine) parse(in *incoming, s *schema.Snapshot) (asked, error) {
	query := in.http.URL.RawQuery
	if in.target.HasQuery {
		query = in.target.Query
	}
	a := asked{snapshot: s, memory: e.memory.find(in, query, s)}
	var err error
	if a.shape, err = e.shapeOf(in, query, s, &a.memory); err != nil {
		return a, err
	}
	a.request = a.memory.fillRequest(a.shape)
	if !a.request.HasBody() {
		return a, nil
	}
	if a.memory.made == nil {
		a.memory.keep(s, &made{request: a.shape})
	}
	own := *a.request
	a.request = &own
	return a, e.readBody(in, s, a.request)
}

// shapeOf is the request's shape, remembered or parsed.
func (e *Engine) shapeOf(in *incoming, query string, s *schema.Snapshot, memory *recollection) (*request.Request, error) {
	if memory.made != nil {
		return memory.made.request, nil
	}
	o := request.Options{
		Schemas: s.Schemas, Profile: in.target.Schema, AllowTx: e.options.TxEnd.allowsOverride(),
		IsTimezone: s.IsTimezone, DefaultContentType: e.options.DefaultContentType,
	}
	r, err := request.Parse(in.http.Method, memory.query, in.http.Header, in.target.Target, o)
	if err != nil && memory.values != nil { // an error says what was sent, not marks
		memory.forgo()
		return request.Parse(in.http.Method, query, in.http.Header, in.target.Target, o)
	}
	return r, err
}

// readBody adds the body to a request.
func (e *Engine) readBody(in *incoming, s *schema.Snapshot, r *request.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, in.http.Body, e.options.MaxBodyBytes))
	if err != nil {
		return err
	}
	if in.target.JSONOnly && request.ParseMedia(in.http.Header.Get("Content-Type")).Media != request.JSON {
		r.Content = request.MediaType{Media: request.JSON}
		body = []byte("{}")
	}
	if in.target.StripEmpty && r.Kind != request.Call {
		t := s.Table(schema.Name{Schema: r.Schema, Name: r.Target.Name})
		body = request.StripEmptyStrings(body, func(name string) bool {
			c := t.Column(name)
			return c == nil || !c.Textual
		})
	}
	if !in.target.JSONOnly {
		return r.SetBody(body)
	}
	if err := r.SetDocument(body); !errors.Is(err, request.ErrNoDocument) {
		return err
	}
	return &BodyError{body}
}
