package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// Channel is the notification channel that reloads the schema: payload
// "reload schema", "reload config", or empty for both.
const Channel = "pgrst"

// Listener is what the engine needs of pg.Listener.
type Listener interface {
	On(channel string, f func(payload string))
	OnConnect(f func())
}

// Deps are what the engine needs.
type Deps struct {
	// Acquire returns a connection of a login that owns nothing and may SET
	// ROLE to the roles of callers.
	Acquire func(ctx context.Context) (*pgxpool.Conn, error)
	// Listener tells of schema changes; nil leaves it to Invalidate.
	Listener Listener
	Log      zerolog.Logger
	Options  Options
}

// Engine answers requests. It is safe for concurrent use.
type Engine struct {
	acquire func(ctx context.Context) (*pgxpool.Conn, error)
	log     zerolog.Logger
	options Options
	cache   *schema.Cache
	buffers respond.Buffers
	lanes   *lanes
	memory  atomic.Pointer[memory]
	shapes  request.Shapes
	// generics knows which plans fit all values.
	generics *generics
	// prologues are the texts of prologue.
	prologues texts
}

// New checks and stores. The engine answers once Run has read the schema.
func New(d Deps) (*Engine, error) {
	if d.Acquire == nil {
		return nil, errors.New("engine: no connections")
	}
	if err := d.Options.setDefaults(); err != nil {
		return nil, err
	}
	e := &Engine{acquire: d.Acquire, log: d.Log, options: d.Options, lanes: newLanes(), generics: newGenerics(), shapes: request.NewShapes()}
	e.cache = schema.NewCache(e.loadSchema, d.Log)
	if d.Listener != nil {
		d.Listener.On(Channel, func(payload string) {
			if payload == "" || payload == "reload schema" || payload == "reload config" {
				e.cache.Invalidate()
			}
		})
		// What was announced while not listening is lost.
		d.Listener.OnConnect(e.cache.Invalidate)
	}
	return e, nil
}

// Run keeps the schema up to date, and watches plans, until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.cache.Run(ctx) })
	group.Go(func() error { return e.explainSamples(ctx) })
	return group.Wait()
}

// Invalidate asks for the schema to be read again, soon.
func (e *Engine) Invalidate() { e.cache.Invalidate() }

// Refresh waits until the schema has been read after this call.
func (e *Engine) Refresh(ctx context.Context) error {
	_, err := e.cache.Refresh(ctx)
	return err
}

func (e *Engine) loadSchema(ctx context.Context) (*schema.Snapshot, error) {
	conn, err := e.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	c := schema.Config{
		Schemas: e.options.Schemas, ExtraSearchPath: e.options.ExtraSearchPath, Hoisted: e.options.HoistedSettings,
	}
	if e.options.ExposedSchemas != nil {
		if c.Schemas, err = e.options.ExposedSchemas(ctx, conn.Conn()); err != nil {
			return nil, err
		}
	}
	return schema.Load(ctx, conn.Conn(), c)
}

// schemaWait bounds how long a request waits for a schema that it needs.
const schemaWait = 5 * time.Second

func (e *Engine) snapshot(ctx context.Context) (*schema.Snapshot, error) {
	if s := e.cache.Current(); s != nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, schemaWait)
	defer cancel()
	if s, err := e.cache.Refresh(ctx); err == nil {
		return s, nil
	}
	return nil, request.NewError(http.StatusServiceUnavailable, "PGRST002",
		"Could not query the database for the schema cache. Retrying.")
}

// job is one request on its way through the stages.
type job struct {
	*Engine
	http     *http.Request
	target   Target
	caller   Caller
	snapshot *schema.Snapshot
	request  *request.Request
	plan     *plan.Plan
	// key is what the request is remembered by, if keep is set.
	key  request.Key
	keep bool
	// made is what was made of such a request before; nil if there was none.
	// recalled is set when plan is of it.
	made     *made
	recalled bool
	// values are those that the request's shape has marks for. shared is what
	// other requests of that shape start from: without values and body.
	values []string
	shared *request.Request
	timing timing
}

// BodyError is the error of Serve for a body that a JSONOnly target refuses.
type BodyError struct{ Body []byte }

// Error implements error.
func (*BodyError) Error() string { return request.ErrNoDocument.Error() }

// Serve answers r. Failures that PostgREST knows are written in its shape.
// Anything else is returned, and nothing was written then.
func (e *Engine) Serve(w http.ResponseWriter, r *http.Request, t Target) error {
	j := job{Engine: e, http: r, target: t, timing: timing{on: e.options.ServerTiming, last: time.Now(), jwt: t.JWTDuration}}
	if t.As != nil {
		j.caller = *t.As
	} else {
		p := identity.From(r.Context())
		j.caller = Caller{Role: string(p.Role()), Claims: p.Claims}
	}
	err := j.serve(w)
	if err == nil {
		return nil
	}
	var tooLarge *http.MaxBytesError
	var noDocument *BodyError
	if errors.As(err, &tooLarge) || errors.As(err, &noDocument) || r.Context().Err() != nil {
		return err
	}
	failure := respond.Translate(err, j.caller.Role != e.options.AnonRole)
	if failure.Status >= http.StatusInternalServerError {
		e.log.Error().Err(err).Str("request_id", identity.CallFrom(r.Context()).RequestID).
			Str("code", failure.Code).Msg("a statement failed")
	}
	j.timing.write(w)
	e.options.Errors.Error(w, r, failure)
	return nil
}

func (j *job) serve(w http.ResponseWriter) error {
	ctx := j.http.Context()
	var err error
	if j.snapshot, err = j.Engine.snapshot(ctx); err != nil {
		return err
	}
	if err := j.parse(); err != nil {
		return err
	}
	j.timing.mark(&j.timing.parse)
	switch j.request.Kind {
	case request.Info:
		return j.info(w)
	case request.Inspect:
		return j.inspect(ctx, w)
	}
	if err := j.build(ctx); err != nil {
		return err
	}
	j.timing.mark(&j.timing.plan)
	result, err := j.run(ctx)
	if result != nil && result.Body != nil {
		defer result.Body.Close()
	}
	if err != nil {
		return err
	}
	j.timing.mark(&j.timing.transaction)
	return j.answer(w, result)
}

func (j *job) parse() error {
	query := j.http.URL.RawQuery
	if j.target.HasQuery {
		query = j.target.Query
	}
	o := request.Options{
		Schemas: j.snapshot.Schemas, Profile: j.target.Schema, AllowTx: j.options.TxEnd.allowsOverride(),
		IsTimezone: j.snapshot.IsTimezone, DefaultContentType: j.options.DefaultContentType,
	}
	if err := j.read(query, o); err != nil {
		return err
	}
	j.request = j.shared
	if j.values != nil {
		j.request = j.shapes.WithValues(j.shared, j.values)
	}
	if !j.request.HasBody() {
		return nil
	}
	r := j.ownRequest()
	body, err := io.ReadAll(http.MaxBytesReader(nil, j.http.Body, j.options.MaxBodyBytes))
	if err != nil {
		return err
	}
	body = j.adapt(body)
	if !j.target.JSONOnly {
		return r.SetBody(body)
	}
	if err := r.SetDocument(body); !errors.Is(err, request.ErrNoDocument) {
		return err
	}
	return &BodyError{body}
}

// read finds what was made of such a request, or parses its shape.
func (j *job) read(query string, o request.Options) error {
	shape := query
	if j.target.Kind == request.Table {
		shape, j.values = j.shapes.Of(query)
	}
	if j.recall(shape); j.made != nil {
		j.shared = j.made.request
		return nil
	}
	var err error
	j.shared, err = request.Parse(j.http.Method, shape, j.http.Header, j.target.Target, o)
	if err != nil && j.values != nil { // an error says what was sent, not marks
		j.values, j.keep = nil, false
		j.shared, err = request.Parse(j.http.Method, query, j.http.Header, j.target.Target, o)
	}
	return err
}

// ownRequest makes the request the job's own, to add a body to it.
func (j *job) ownRequest() *request.Request {
	if j.made == nil {
		j.remember(made{request: j.shared})
	}
	own := *j.request
	j.request = &own
	return &own
}

// adapt applies the mount's rules to a body.
func (j *job) adapt(body []byte) []byte {
	if j.target.JSONOnly && request.ParseMedia(j.http.Header.Get("Content-Type")).Media != request.JSON {
		j.request.Content = request.MediaType{Media: request.JSON}
		body = []byte("{}")
	}
	if !j.target.StripEmpty || j.request.Kind == request.Call {
		return body
	}
	t := j.snapshot.Table(schema.Name{Schema: j.request.Schema, Name: j.request.Target.Name})
	return request.StripEmptyStrings(body, func(name string) bool {
		c := t.Column(name)
		return c == nil || !c.Textual
	})
}

// build plans the request. What the snapshot lacks may have been made a
// moment ago: then a newer snapshot decides.
func (j *job) build(ctx context.Context) error {
	if j.plan = j.made.planFor(j.request); j.plan != nil {
		j.recalled = true
		return nil
	}
	o := plan.Options{
		MaxRows: j.options.MaxRows, Aggregates: j.options.Aggregates,
		PlanOutput: j.options.PlanOutput, AliasesOnly: j.options.AliasesOnly, TableNotFound: j.options.TableNotFound,
	}
	p, err := plan.Build(j.request, j.snapshot, o)
	unknown := err == nil && p.Table == nil && p.Mutation != nil && len(j.request.Payload.Keys) > 0
	if unknown || plan.Missing(err) {
		p, err = j.rebuild(ctx, o, p, err)
		if unknown && err == nil && p.Table == nil && j.options.BareNotFound {
			return plan.NotFound()
		}
	}
	j.plan = p
	return err
}

// rebuild plans with newer snapshots until one has what is missing or can tell
// that it does not exist. Without one in time the old plan or error stays.
func (j *job) rebuild(ctx context.Context, o plan.Options, p *plan.Plan, err error) (*plan.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, schemaWait+2*j.cache.Loads().Took)
	defer cancel()
	miss := j.cache.Miss()
	for last := false; !last; {
		newer, isLast, failed := miss.Next(ctx, j.snapshot.Serial)
		if failed != nil {
			break
		}
		last = isLast
		j.snapshot = newer
		p, err = plan.Build(j.request, newer, o)
		if err == nil && (p.Table != nil || p.Mutation == nil) || err != nil && !plan.Missing(err) {
			break
		}
	}
	return p, err
}

func (j *job) answer(w http.ResponseWriter, result *respond.Result) error {
	if result.Body == nil && j.target.EmptyBody != "" {
		result.Body = j.buffers.NewSpool(j.options.TempDir, j.options.MaxResultBytes)
		if err := result.Body.Text(j.target.EmptyBody); err != nil {
			return err
		}
	}
	if j.target.OKWithoutRows && j.request.Kind == request.Create && result.Rows == 0 && result.Status == "" {
		result.Status = strconv.Itoa(http.StatusOK)
	}
	j.timing.mark(&j.timing.response)
	j.timing.write(w)
	if err := j.options.Errors.Write(w, j.request, j.plan, result); err != nil {
		return err
	}
	if j.target.OnSuccess != nil {
		j.target.OnSuccess(Done{j.request.Kind, j.request.Schema, j.request.Target.Name})
	}
	return nil
}

// info answers OPTIONS with the methods that the target supports.
func (j *job) info(w http.ResponseWriter) error {
	allow := "OPTIONS,GET,HEAD"
	switch j.target.Kind {
	case request.Function:
		f, err := plan.Function(j.request, j.snapshot)
		if err != nil {
			return err
		}
		if allow = "OPTIONS,GET,HEAD,POST"; !f.ReadOnly() {
			allow = "OPTIONS,POST"
		}
	case request.Table:
		t := j.snapshot.Table(schema.Name{Schema: j.request.Schema, Name: j.target.Name})
		if t == nil {
			return j.tableNotFound()
		}
		allow += tableMethods(t)
	}
	j.timing.mark(&j.timing.response)
	j.timing.write(w)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Allow", allow)
	w.WriteHeader(http.StatusOK)
	return nil
}

// tableNotFound is the answer to OPTIONS on a table that does not exist.
func (j *job) tableNotFound() error {
	if j.options.TableNotFound {
		return plan.TableNotFound(j.snapshot, schema.Name{Schema: j.request.Schema, Name: j.target.Name})
	}
	return plan.NotFound()
}

func tableMethods(t *schema.Table) string {
	var b strings.Builder
	if t.Insertable {
		b.WriteString(",POST")
	}
	if t.Insertable && t.Updatable && len(t.PK) > 0 {
		b.WriteString(",PUT")
	}
	if t.Updatable {
		b.WriteString(",PATCH")
	}
	if t.Deletable {
		b.WriteString(",DELETE")
	}
	return b.String()
}
