package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"
)

// SecretReader returns the value of a secret, or 404 SECRET_NOT_FOUND.
type SecretReader interface {
	Value(ctx context.Context, key string) (string, error)
}

// Source describes one part of the project; what it returns is encoded as
// JSON. A part that is not configured is nil.
type Source interface {
	Describe(ctx context.Context) (any, error)
}

// Database describes the tables of schema public.
type Database interface {
	// Tables lists them and returns the size of the whole database.
	Tables(ctx context.Context) (names []string, sizeBytes int64, err error)
	// CountRows leaves out tables that do not exist.
	CountRows(ctx context.Context, names []string) (map[string]int64, error)
	// TableDefinition returns a JSON object, of empty lists for a table that
	// does not exist.
	TableDefinition(ctx context.Context, name string) (json.RawMessage, error)
}

// Deps are what metadata needs from the rest of the product.
type Deps struct {
	Secrets SecretReader
	// Database may be nil, which leaves its part out.
	Database Database
	// Auth may be nil, which leaves its part out. Without Storage, Functions
	// and Realtime there are no buckets, functions and channels. Compute is
	// left out where it is nil or describes itself as nil.
	Auth, Storage, Functions, Realtime, Compute Source
	// DatabaseURL is the owner's connection string, for tools; "" hides it.
	DatabaseURL string
	// ProjectID is empty outside a hosted project.
	ProjectID string
	Version   string
	// Now is time.Now outside tests.
	Now func() time.Time
}

// Service answers the routes.
type Service struct {
	deps   Deps
	counts *counts
}

// New returns a Service.
func New(d Deps) (*Service, error) {
	if d.Secrets == nil {
		return nil, errors.New("metadata: a dependency is missing")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Service{deps: d, counts: newCounts(d.Now)}, nil
}

// project is the whole answer, in the order in which people read it.
type project struct {
	Auth      any           `json:"auth,omitempty"`
	Database  *databasePart `json:"database,omitempty"`
	Storage   any           `json:"storage"`
	Functions any           `json:"functions"`
	Realtime  any           `json:"realtime"`
	Compute   any           `json:"compute,omitempty"`
	Version   string        `json:"version"`
}

type databasePart struct {
	Tables        []tableCount `json:"tables"`
	TotalSizeInGB float64      `json:"totalSizeInGB"`
	Hint          string       `json:"hint"`
}

type tableCount struct {
	Name    string `json:"tableName"`
	Records int64  `json:"recordCount"`
}

// What a project without buckets, functions and channels has.
type (
	noStorage struct {
		Buckets       []struct{} `json:"buckets"`
		TotalSizeInGB float64    `json:"totalSizeInGB"`
	}
	policies struct {
		Policies []struct{} `json:"policies"`
	}
	permissions struct {
		Subscribe policies `json:"subscribe"`
		Publish   policies `json:"publish"`
	}
	noRealtime struct {
		Channels    []struct{}  `json:"channels"`
		Permissions permissions `json:"permissions"`
	}
)

// describe returns all parts.
func (s *Service) describe(ctx context.Context) (p project, err error) {
	p.Version = s.deps.Version
	for _, part := range []struct {
		to  *any
		get func(context.Context) (any, error)
	}{
		{&p.Auth, s.auth}, {&p.Storage, s.storage}, {&p.Functions, s.functions}, {&p.Realtime, s.realtime}, {&p.Compute, s.compute},
	} {
		if *part.to, err = part.get(ctx); err != nil {
			return p, err
		}
	}
	if s.deps.Database != nil {
		p.Database, err = s.database(ctx)
	}
	return p, err
}

func (s *Service) auth(ctx context.Context) (any, error) { return ask(ctx, s.deps.Auth, nil) }

func (s *Service) storage(ctx context.Context) (any, error) {
	return ask(ctx, s.deps.Storage, noStorage{Buckets: []struct{}{}})
}

func (s *Service) functions(ctx context.Context) (any, error) {
	return ask(ctx, s.deps.Functions, []struct{}{})
}

func (s *Service) realtime(ctx context.Context) (any, error) {
	none := policies{Policies: []struct{}{}}
	return ask(ctx, s.deps.Realtime, noRealtime{
		Channels: []struct{}{}, Permissions: permissions{Subscribe: none, Publish: none},
	})
}

func (s *Service) compute(ctx context.Context) (any, error) { return ask(ctx, s.deps.Compute, nil) }

// ask returns what a source says, or otherwise if there is no source.
func ask(ctx context.Context, source Source, otherwise any) (any, error) {
	if source == nil {
		return otherwise, nil
	}
	return source.Describe(ctx)
}

// database describes the tables of schema public.
func (s *Service) database(ctx context.Context) (*databasePart, error) {
	names, size, err := s.deps.Database.Tables(ctx)
	if err != nil {
		return nil, err
	}
	records, err := s.counts.of(ctx, s.deps.Database, names)
	if err != nil {
		return nil, err
	}
	part := &databasePart{
		Tables: []tableCount{}, TotalSizeInGB: gigabytes(size),
		Hint: "GET /api/metadata/:tableName describes one table: columns, indexes, foreign keys, policies and triggers.",
	}
	for _, name := range names {
		if n, ok := records[name]; ok {
			part.Tables = append(part.Tables, tableCount{Name: name, Records: n})
		}
	}
	return part, nil
}

// gigabytes rounds to two digits.
func gigabytes(bytes int64) float64 { return math.Round(float64(bytes)/(1<<30)*100) / 100 }
