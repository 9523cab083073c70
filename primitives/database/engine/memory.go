package engine

import (
	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

// An application says the same few things over and over, whoever uses it: who
// is asking is not part of a statement, and what columns are compared with are
// parameters of it. So what was made of recent requests is kept by their shape,
// which saves reading, planning and writing SQL again.

// generationSize bounds the requests that are remembered: there are two
// generations.
const generationSize = 250

// memory is what was made with one snapshot of the schema.
type memory struct {
	snapshot *schema.Snapshot
	*recent.Map[request.Key, *made]
}

// made is what was made of a request. It is shared and must not be changed.
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

// recall finds what was made of such a request with the job's snapshot.
func (j *job) recall(shape string) {
	j.key, j.keep = request.KeyOf(j.http.Method, shape, j.http.Header, j.target.Target, j.target.Schema)
	if !j.keep {
		return
	}
	j.made, _ = j.memoryOf(j.snapshot).Get(j.key)
}

// memoryOf returns the memory of a snapshot. Only that of the newest is kept,
// since plans hold on to theirs.
func (e *Engine) memoryOf(s *schema.Snapshot) *memory {
	kept := e.memory.Load()
	if kept != nil && kept.snapshot == s {
		return kept
	}
	m := &memory{s, recent.New[request.Key, *made](generationSize)}
	if s == e.cache.Current() {
		e.memory.CompareAndSwap(kept, m)
	}
	return m
}

// remember keeps m for the next such request.
func (j *job) remember(m made) {
	if j.keep {
		j.memoryOf(j.snapshot).Put(j.key, &m)
	}
}

// rememberQuery keeps the statements that were just written.
func (x *execution) rememberQuery() {
	m := made{request: x.shared, plan: x.plan, query: x.query, options: x.options}
	if x.request.HasBody() {
		if x.plan.Mutation == nil {
			return
		}
		blank := make([][]byte, len(x.plan.Mutation.Values))
		query, ok := x.query.WithValues(blank)
		if !ok {
			return
		}
		mutation, without := *x.plan.Mutation, *x.plan
		mutation.Body, mutation.Values = nil, blank
		without.Mutation = &mutation
		m.plan, m.query = &without, query
	}
	x.remember(m)
}
