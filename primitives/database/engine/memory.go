package engine

import (
	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
)

// An application says the same few things over and over, whoever uses it: who
// is asking is not part of a statement. So what was made of recent requests is
// kept, which saves reading, planning and writing SQL again.

// generationSize bounds the requests that are remembered: there are two
// generations.
const generationSize = 250

// made is what was made of a request with one snapshot of the schema. It is
// shared and must not be changed.
type made struct {
	snapshot *schema.Snapshot
	request  *request.Request
	// plan and query are kept only where the body has no part in them.
	plan    *plan.Plan
	query   sqlgen.Query
	options sqlgen.Options
}

// recall finds what was made of such a request with the job's snapshot.
func (j *job) recall(rawQuery string) {
	j.key, j.keep = request.KeyOf(j.http.Method, rawQuery, j.http.Header, j.target.Target, j.target.Schema)
	if !j.keep {
		return
	}
	if m, ok := j.memory.Get(j.key); ok && m.snapshot == j.snapshot {
		j.made = m
	}
}

// remember keeps m for the next such request.
func (j *job) remember(m made) {
	if j.keep {
		j.memory.Put(j.key, &m)
	}
}
