package engine

import (
	"context"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// planned is what is to be done, planned with a snapshot of the schema, which
// may be newer than the one that the request was read with.
type planned struct {
	snapshot *schema.Snapshot
	request  *request.Request
	plan     *plan.Plan
	// shape and memory are those of asked. recalled is set when the plan is a
	// remembered one.
	shape    *request.Request
	memory   *recollection
	recalled bool
}

// build plans a request. What the snapshot lacks may have been made a moment
// ago: then a newer snapshot decides.
func (e *Engine) build(ctx context.Context, a *asked) (planned, error) {
	p := planned{snapshot: a.snapshot, request: a.request, shape: a.shape, memory: &a.memory}
	if p.plan = a.memory.made.planFor(a.request); p.plan != nil {
		p.recalled = true
		return p, nil
	}
	o := plan.Options{
		MaxRows: e.options.MaxRows, Aggregates: e.options.Aggregates,
		PlanOutput: e.options.PlanOutput, AliasesOnly: e.options.AliasesOnly, TableNotFound: e.options.TableNotFound,
	}
	var err error
	p.plan, err = plan.Build(a.request, a.snapshot, o)
	unknown := err == nil && p.plan.Table == nil && p.plan.Mutation != nil && len(a.request.Payload.Keys) > 0
	if unknown || plan.Missing(err) {
		err = e.rebuild(ctx, &p, o, err)
		if unknown && err == nil && p.plan.Table == nil && e.options.BareNotFound {
			return p, plan.NotFound()
		}
	}
	return p, err
}

// rebuild plans with newer snapshots until one has what is missing or shows
// that it does not exist. Without one in time the old plan or error stays.
func (e *Engine) rebuild(ctx context.Context, p *planned, o plan.Options, err error) error {
	ctx, cancel := context.WithTimeout(ctx, schemaWait+2*e.cache.Loads().Took)
	defer cancel()
	miss := e.cache.Miss()
	for last := false; !last; {
		newer, isLast, failed := miss.Next(ctx, p.snapshot.Serial)
		if failed != nil {
			break
		}
		last = isLast
		p.snapshot = newer
		p.plan, err = plan.Build(p.request, newer, o)
		if err == nil && (p.plan.Table != nil || p.plan.Mutation == nil) || err != nil && !plan.Missing(err) {
			break
		}
	}
	return err
}
