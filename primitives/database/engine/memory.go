package engine

import (
	"sync/atomic"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

// generationSize bounds the requests that are remembered: there are two
// generations.
const generationSize = 250

// memory keeps what was made from recent requests, by their shape. An application
// sends the same few requests over and over, for all its users: who is asking is not
// part of a statement, and what columns are compared with are parameters of it. So
// most requests need no parsing, planning and writing of SQL.
//
// find looks a request up, fill puts its values in place of their marks, and
// keep remembers what was made from it.
type memory struct {
	shapes request.Shapes
	// current returns the newest snapshot. Only what was made with that is kept,
	// since plans hold on to theirs.
	current func() *schema.Snapshot
	kept    atomic.Pointer[makings]
}

// makings are what was made with one snapshot of the schema.
type makings struct {
	snapshot *schema.Snapshot
	byKey    *recent.Map[request.Key, *made]
}

// made is what was made from a request. It is shared and must not be changed.
// It has marks for the values that request.Shapes take out, and nothing of a
// body.
type made struct {
	request *request.Request
	// plan and query are kept where the body has no part in them, or only its
	// values have: of one object written as values.
	plan    *plan.Plan
	query   sqlgen.Query
	options sqlgen.Options
}

// recollection is what the memory knows about one request.
type recollection struct {
	memory *memory
	// query is the query string with marks for values.
	query  string
	values []string
	// key is what the request is remembered by, if keeps is set.
	key   request.Key
	keeps bool
	// made is what was made from such a request before; nil if there was none.
	made *made
}

func newMemory(current func() *schema.Snapshot) *memory {
	return &memory{shapes: request.NewShapes(), current: current}
}

// find looks for what was made from such a request with a snapshot.
func (m *memory) find(in *incoming, query string, s *schema.Snapshot) recollection {
	r := recollection{memory: m, query: query}
	if in.target.Kind == request.Table {
		r.query, r.values = m.shapes.Of(query)
	}
	r.key, r.keeps = request.KeyOf(in.http.Method, r.query, in.http.Header, in.target.Target, in.target.Schema)
	if r.keeps {
		r.made, _ = m.of(s).byKey.Get(r.key)
	}
	return r
}

// of returns what was made with a snapshot.
func (m *memory) of(s *schema.Snapshot) *makings {
	kept := m.kept.Load()
	if kept != nil && kept.snapshot == s {
		return kept
	}
	fresh := &makings{s, recent.New[request.Key, *made](generationSize)}
	if s == m.current() {
		m.kept.CompareAndSwap(kept, fresh)
	}
	return fresh
}

// forgo treats the request as one that is not shared, whose values stay where
// they are.
func (r *recollection) forgo() { r.values, r.keeps = nil, false }

// fillRequest is the request that its shape represents.
func (r *recollection) fillRequest(shape *request.Request) *request.Request {
	if r.values == nil {
		return shape
	}
	return r.memory.shapes.WithValues(shape, r.values)
}

// fill is a statement of the plan with the values of this request.
func (r *recollection) fill(s sqlgen.Statement) sqlgen.Statement {
	if r.values != nil {
		s.Args = r.memory.shapes.Arguments(s.Args, r.values)
	}
	return s
}

// keep remembers m for the next such request.
func (r *recollection) keep(s *schema.Snapshot, m *made) {
	if r.keeps {
		r.memory.of(s).byKey.Put(r.key, m)
	}
}

// planFor returns the plan of r, or nil where it must be made.
func (m *made) planFor(r *request.Request) *plan.Plan {
	switch {
	case m == nil || m.plan == nil:
		return nil
	case !r.HasBody():
		return m.plan
	}
	return m.plan.WithPayload(r.Payload)
}

// queryFor returns the statements of a plan that planFor made.
func (m *made) queryFor(p *plan.Plan, o sqlgen.Options) (q sqlgen.Query, ok bool) {
	switch {
	case m.options != o:
		return q, false
	case p == m.plan:
		return m.query, true
	}
	return m.query.WithValues(p.Mutation.Values)
}

// withoutBody is a plan and its statements without anything from a body; ok is
// false where they have more of it than values.
func withoutBody(p *plan.Plan, q sqlgen.Query) (_ *plan.Plan, _ sqlgen.Query, ok bool) {
	if p.Mutation == nil {
		return nil, q, false
	}
	blank := make([][]byte, len(p.Mutation.Values))
	if q, ok = q.WithValues(blank); !ok {
		return nil, q, false
	}
	mutation, plan := *p.Mutation, *p
	mutation.Body, mutation.Values = nil, blank
	plan.Mutation = &mutation
	return &plan, q, true
}
