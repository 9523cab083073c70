package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// Planning a small read costs Postgres as much as running it. A generic plan,
// made once for all values, saves that, but may be bad for some values where
// the planner's own choice would differ. Postgres compares estimated costs,
// which for ranges and limits are guesses, and so plans nearly every list
// again. The engine compares the plans themselves: a shape that is used often
// is explained in the background, with the values of a request and without any.
// A shape for which both plans were the same for several requests runs with the
// generic plan; one for which they differed is planned each time, even where
// Postgres would take the generic plan for its lower estimate. Samples continue
// for as long as the shape is used; a new schema starts over.
const (
	firstSample    = 8
	agreements     = 3
	sampleEvery    = 1 << 14
	maxShapes      = 1000
	maxSamples     = 16
	sampleTimeout  = 5 * time.Second
	sampleInServer = "SET LOCAL statement_timeout = '3s'"
)

// The values of plan_cache_mode; empty leaves the choice to Postgres.
const (
	genericPlan = "force_generic_plan"
	customPlan  = "force_custom_plan"
)

// generics decides which reads run with a generic plan.
type generics struct {
	// off is set on servers before Postgres 16, which cannot explain a
	// statement without values.
	off     atomic.Bool
	samples chan sample

	mu     sync.Mutex
	shapes map[statementKey]*shape
}

// shape is what is known about one statement for one role.
type shape struct {
	snapshot uint64 // its serial number
	uses     int
	agreed   int
	differs  bool
}

// sample is one execution to explain.
type sample struct {
	key      statementKey
	snapshot uint64
	prologue sqlgen.Statement
	args     [][]byte
}

func newGenerics() *generics {
	return &generics{samples: make(chan sample, maxSamples), shapes: map[statementKey]*shape{}}
}

// use counts a use of a statement and returns the plan_cache_mode to run it
// with. take makes a sample of this use when one is due.
func (g *generics) use(key statementKey, snapshot uint64, take func() sample) string {
	if g.off.Load() {
		return ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.shapes[key]
	if s == nil || s.snapshot != snapshot {
		if len(g.shapes) >= maxShapes {
			clear(g.shapes)
		}
		s = &shape{snapshot: snapshot}
		g.shapes[key] = s
	}
	s.uses++
	if s.differs {
		return customPlan
	}
	if due(s.uses) {
		select {
		case g.samples <- take():
		default: // the worker is behind; a later use will do
		}
	}
	if s.agreed >= agreements {
		return genericPlan
	}
	return ""
}

// due spreads the samples over the first uses, then takes one now and then.
func due(uses int) bool {
	return uses >= firstSample && uses&(uses-1) == 0 || uses%sampleEvery == 0
}

// settle takes in what a sample showed.
func (g *generics) settle(s sample, same bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if shape := g.shapes[s.key]; shape != nil && shape.snapshot == s.snapshot {
		shape.agreed++
		shape.differs = shape.differs || !same
	}
}

// explainSamples compares plans until ctx ends.
func (e *Engine) explainSamples(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-e.generics.samples:
			same, err := e.samePlan(ctx, s)
			switch {
			case err == nil:
				e.generics.settle(s, same)
			case hasState(err, pgerrcode.SyntaxError): // no GENERIC_PLAN here
				e.generics.off.Store(true)
			case ctx.Err() == nil:
				e.log.Debug().Err(err).Msg("a plan could not be explained")
			}
		}
	}
}

// samePlan reports whether Postgres makes the same plan for the values of a
// sample as it makes for any.
func (e *Engine) samePlan(ctx context.Context, s sample) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	pooled, err := e.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer pooled.Release() // closes a connection that is left in a transaction
	conn := pooled.Conn().PgConn()
	if _, err := conn.Exec(ctx, "BEGIN READ ONLY").ReadAll(); err != nil {
		return false, err
	}
	if err := conn.ExecParams(ctx, s.prologue.SQL, s.prologue.Args, nil, nil, nil).Read().Err; err != nil {
		return false, err
	}
	if _, err := conn.Exec(ctx, sampleInServer).ReadAll(); err != nil {
		return false, err
	}
	own := conn.ExecParams(ctx, "EXPLAIN (FORMAT JSON) "+s.key.sql, s.args, nil, nil, nil).Read()
	if own.Err != nil {
		return false, own.Err
	}
	// Only the simple protocol takes a statement whose parameters have no values.
	generic, err := conn.Exec(ctx, "EXPLAIN (GENERIC_PLAN, FORMAT JSON) "+s.key.sql).ReadAll()
	if err != nil {
		return false, err
	}
	if _, err := conn.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		return false, err
	}
	a, err := readPlan(own)
	if err != nil {
		return false, err
	}
	b, err := readPlan(generic[0])
	return err == nil && a.equal(b), err
}

// planNode is a node of a plan, without what depends on values or guesses.
type planNode struct {
	Type         string     `json:"Node Type"`
	Relation     string     `json:"Relation Name"`
	Alias        string     `json:"Alias"`
	Index        string     `json:"Index Name"`
	Direction    string     `json:"Scan Direction"`
	Strategy     string     `json:"Strategy"`
	Join         string     `json:"Join Type"`
	Relationship string     `json:"Parent Relationship"`
	Subplan      string     `json:"Subplan Name"`
	Function     string     `json:"Function Name"`
	SortKey      []string   `json:"Sort Key"`
	PresortedKey []string   `json:"Presorted Key"`
	Workers      int        `json:"Workers Planned"`
	Plans        []planNode `json:"Plans"`
}

func readPlan(r *pgconn.Result) (planNode, error) {
	var plans []struct{ Plan planNode }
	if len(r.Rows) != 1 {
		return planNode{}, fmt.Errorf("an explanation of %d rows", len(r.Rows))
	}
	if err := json.Unmarshal(r.Rows[0][0], &plans); err != nil || len(plans) != 1 {
		return planNode{}, fmt.Errorf("read an explanation of %d plans: %w", len(plans), err)
	}
	return plans[0].Plan, nil
}

func (a planNode) equal(b planNode) bool {
	return a.Type == b.Type && a.Relation == b.Relation && a.Alias == b.Alias && a.Index == b.Index &&
		a.Direction == b.Direction && a.Strategy == b.Strategy && a.Join == b.Join &&
		a.Relationship == b.Relationship && a.Subplan == b.Subplan && a.Function == b.Function &&
		a.Workers == b.Workers && slices.Equal(a.SortKey, b.SortKey) &&
		slices.Equal(a.PresortedKey, b.PresortedKey) && slices.EqualFunc(a.Plans, b.Plans, planNode.equal)
}
