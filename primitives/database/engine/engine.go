package engine

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// Channel is the notification channel that reloads the schema: payload
// "reload schema", "reload config", or empty for both.
const Channel = "pgrst"

// Listener is what the engine needs from pg.Listener.
type Listener interface {
	On(channel string, f func(payload string))
	OnConnect(f func())
}

// Deps are what the engine needs.
type Deps struct {
	// Acquire returns a connection of a login that owns nothing and may SET
	// ROLE to the roles of callers.
	Acquire func(ctx context.Context) (*pgxpool.Conn, error)
	// Listener announces schema changes; nil leaves it to Invalidate.
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
	buffers spool.Buffers
	lanes   *lanes
	memory  *memory
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
	e := &Engine{acquire: d.Acquire, log: d.Log, options: d.Options, lanes: newLanes(), generics: newGenerics()}
	e.cache = schema.NewCache(e.loadSchema, d.Log)
	e.memory = newMemory(e.cache.Current)
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
