package plan

import (
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// Options are the settings that planning depends on.
type Options struct {
	// MaxRows caps every read; 0 does not.
	MaxRows int64
	// Aggregates allows aggregate functions.
	Aggregates bool
	// PlanOutput allows the media type of execution plans.
	PlanOutput bool
	// AliasesOnly requires the alias of an embed that has one, not its name.
	AliasesOnly bool
	// TableNotFound refuses what is about a table that the snapshot lacks.
	TableNotFound bool
}

// Build resolves r. Errors are *request.Error; for those that Missing
// reports, a newer snapshot may succeed.
func Build(r *request.Request, s *schema.Snapshot, o Options) (*Plan, error) {
	b := builder{r: r, s: s, o: o}
	p, err := b.build()
	if err != nil {
		return nil, err
	}
	return p, nil
}

type builder struct {
	r *request.Request
	s *schema.Snapshot
	o Options
}

func (b *builder) build() (*Plan, *request.Error) {
	p := &Plan{Kind: b.r.Kind, Target: schema.Name{Schema: b.r.Schema, Name: b.r.Target.Name}}
	source := p.Target
	if b.r.Kind == request.Call {
		call, err := b.call(p.Target)
		if err != nil {
			return nil, err
		}
		p.Call = call
		p.ReadOnly = b.r.ReadCall || call.Function.ReadOnly()
		if name := call.Function.TableName(); name != "" {
			source.Name = name
		}
	}
	p.Table = b.s.Table(source)
	if b.o.TableNotFound && p.Table == nil && p.Call == nil {
		return nil, TableNotFound(b.s, source)
	}
	p.ReadOnly = p.ReadOnly || b.r.Kind == request.Read
	read, err := b.read(source)
	if err != nil {
		return nil, err
	}
	p.Read = read
	switch b.r.Kind {
	case request.Call:
		p.Call.Returning = neededColumns(read, conditionColumns(read))
	case request.Create, request.Update, request.Upsert, request.Delete:
		if p.Mutation, err = b.mutation(p, read); err != nil {
			return nil, err
		}
	}
	if err := b.negotiate(p, source); err != nil {
		return nil, err
	}
	return p, b.r.Prefer.CheckStrict()
}

func (b *builder) mutation(p *Plan, read *Read) (*Mutation, *request.Error) {
	prefer := &b.r.Prefer
	m := &Mutation{
		Table: p.Target, Body: b.r.Payload.Raw, Object: b.r.Payload.Object, Range: request.AllRows(),
		Defaults: prefer.Missing == "default",
	}
	if p.Table != nil {
		m.PK = p.Table.PK
	}
	if prefer.Full() || prefer.Representation == "headers-only" && b.r.Kind == request.Create {
		m.Returning = neededColumns(read, append(conditionColumns(read), m.PK...))
	}
	b.addConditions(m, p.Target)
	limited := (b.r.Kind == request.Update || b.r.Kind == request.Delete) && !b.r.Range.IsAll()
	if limited && len(m.Order) == 0 {
		return nil, request.LimitWithoutOrder()
	}
	if number, beyond := b.r.Range.Beyond(); limited && beyond {
		return nil, request.BeyondBigint(number)
	}
	if b.r.Kind == request.Delete {
		m.Kind, m.Range = Delete, b.r.Range
		return m, nil
	}
	if err := b.resolvePayload(m, p.Table); err != nil {
		return nil, err
	}
	switch b.r.Kind {
	case request.Update:
		m.Kind, m.Range = Update, b.r.Range
	case request.Upsert:
		return b.put(m)
	default:
		m.Where, m.Order = nil, nil
		m.Upsert, m.Merge = prefer.Resolution != "", prefer.Resolution == "merge-duplicates"
		m.OnConflict = m.PK
		if b.r.Query.OnConflict != nil {
			m.OnConflict = b.r.Query.OnConflict
		}
	}
	return m, nil
}

// addConditions resolves the filters, conditions and order of the root.
func (b *builder) addConditions(m *Mutation, target schema.Name) {
	for _, l := range b.r.Query.Logic {
		m.Where = append(m.Where, b.logic(target, l.What))
	}
	for _, f := range b.r.Query.Filters {
		if len(f.Path) == 0 {
			m.Where = append(m.Where, Logic{Filter: b.filter(target, f.What)})
		}
	}
	for _, o := range b.r.Query.Order {
		if len(o.Path) != 0 {
			continue
		}
		for _, term := range o.What {
			// A related order is for what is returned.
			if term.Relation == "" {
				m.Order = append(m.Order, b.order(target, term))
			}
		}
		break
	}
}

func (b *builder) resolvePayload(m *Mutation, t *schema.Table) *request.Error {
	if t == nil && len(b.r.Payload.Keys) > 0 {
		// The statement would need the columns' types. Postgres is asked, for
		// its error about the missing relation.
		m.Columns = nil
		return nil
	}
	for _, key := range b.r.Payload.Keys {
		c := t.Column(key)
		if c == nil {
			return columnNotFound(m.Table.Name, key)
		}
		f := Field{Name: c.Name, Type: c.Nominal, Default: c.Default}
		if function, ok := b.s.Cast("json", c.Nominal); ok {
			f.Type, f.Transform = "json", function
		}
		m.Columns = append(m.Columns, f)
	}
	m.Values = scalars(b.r.Payload, m.Columns, t)
	return nil
}

// WithPayload returns the plan of a request that differs from that of p only in
// its payload, or nil where it must be planned again: the payload is not one
// object of the same members, or Postgres must take it apart.
func (p *Plan) WithPayload(payload request.Payload) *Plan {
	m := p.Mutation
	if m == nil || m.Values == nil || !slices.EqualFunc(payload.Keys, m.Columns, func(key string, f Field) bool { return key == f.Name }) {
		return nil
	}
	values := scalars(payload, m.Columns, p.Table)
	if values == nil {
		return nil
	}
	mutation, made := *m, *p
	mutation.Body, mutation.Values = payload.Raw, values
	made.Mutation = &mutation
	return &made
}

// scalars returns the values of one object as texts, or nil where Postgres
// must take the body apart.
func scalars(p request.Payload, fields []Field, t *schema.Table) [][]byte {
	if len(p.Values) == 0 {
		return nil
	}
	values := make([][]byte, len(fields))
	for i, f := range fields {
		c := t.Column(f.Name)
		// Of a value that is both malformed and too long, bit strings in JSON
		// report the length.
		if !c.Plain || f.Transform != "" || strings.HasPrefix(c.Type, "bit") {
			return nil
		}
		var ok bool
		if values[i], ok = request.ScalarText(p.Values[i], c.Type == "json" || c.Type == "jsonb"); !ok {
			return nil
		}
	}
	return values
}

// put checks that an upsert names exactly one row by its primary key.
func (b *builder) put(m *Mutation) (*Mutation, *request.Error) {
	var names []string
	for _, f := range b.r.Query.Filters {
		names = append(names, f.What.Field.Name)
		op := f.What.Op
		if len(f.Path) == 0 && (op.Not || op.Kind != request.OpQuant || op.Operator != "=" || op.Quant != request.QuantNone) {
			return nil, invalidFilters()
		}
	}
	slices.Sort(names)
	pk := slices.Clone(m.PK)
	slices.Sort(pk)
	if len(b.r.Query.Logic) > 0 || len(pk) == 0 || !slices.Equal(slices.Compact(names), pk) {
		return nil, invalidFilters()
	}
	m.Put, m.Upsert, m.Merge, m.OnConflict, m.Defaults = true, true, true, m.PK, false
	return m, nil
}

// neededColumns are the columns that a mutation or call must return for the
// select list, the embeds and anything else that needs more.
func neededColumns(read *Read, more []string) []string {
	var names []string
	for _, s := range read.Select {
		names = append(names, s.Field.Name)
	}
	if slices.Contains(names, "*") {
		return []string{"*"}
	}
	for _, child := range read.Children {
		switch rel := child.Relation; {
		case rel == nil:
		case rel.Cardinality == schema.Computed:
			return []string{"*"}
		case rel.Junction != nil:
			for _, c := range rel.Junction.Source {
				names = append(names, c[0])
			}
		default:
			for _, c := range rel.Columns {
				names = append(names, c[0])
			}
		}
	}
	names = append(names, more...)
	slices.Sort(names)
	return slices.Compact(names)
}

// conditionColumns are the root's columns that its filters and order use.
func conditionColumns(read *Read) []string {
	var names []string
	var walk func(Logic)
	walk = func(l Logic) {
		if l.Filter != nil && l.Filter.EmbedAlias == "" {
			names = append(names, l.Filter.Field.Name)
		}
		for _, c := range l.Children {
			walk(c)
		}
	}
	for _, l := range read.Where {
		walk(l)
	}
	for _, o := range read.Order {
		if o.Relation == "" {
			names = append(names, o.Field.Name)
		}
	}
	return names
}

// negotiate picks the media type of the answer: the first accepted one that
// can be produced.
func (b *builder) negotiate(p *Plan, source schema.Name) *request.Error {
	for _, m := range b.r.Accept {
		if b.produce(p, source, m) {
			write := p.Mutation != nil && !b.r.Prefer.Full()
			if write || b.r.HeadersOnly {
				p.Rendering = RenderNothing
			}
			return nil
		}
	}
	return MediaTypeError(b.r.Accept)
}

func (b *builder) produce(p *Plan, source schema.Name, m request.MediaType) bool {
	switch m.Media {
	case request.Object:
		p.Media, p.Rendering = m, RenderObject
		if m.StripNulls {
			p.Rendering = RenderObjectStripped
		}
		return true
	case request.ArrayStripped:
		p.Media, p.Rendering = m, RenderStripped
		return true
	case request.Plan:
		if !b.o.PlanOutput || !b.produce(p, source, *m.For) {
			return false
		}
		p.Media = m
		return true
	}
	return b.handler(p, source, m)
}

func (b *builder) handler(p *Plan, source schema.Name, m request.MediaType) bool {
	if p.Read.isDefaultSelect() {
		for _, media := range []string{string(request.Any), string(m.Media)} {
			if h, ok := b.s.Handler(source, media); ok {
				p.custom(h)
				return true
			}
		}
	}
	if h, ok := b.s.Handler(schema.Name{}, string(m.Media)); ok {
		p.custom(h)
		return true
	}
	switch m.Media {
	case request.Any, request.JSON:
		p.Media, p.Rendering = request.MediaType{Media: request.JSON}, RenderJSON
	case request.CSV:
		p.Media, p.Rendering = m, RenderCSV
	case request.GeoJSON:
		p.Media, p.Rendering = m, RenderGeoJSON
	default:
		return false
	}
	return true
}

func (p *Plan) custom(h schema.Handler) {
	p.Media, p.Rendering, p.Handler = request.ParseMedia(h.Media), RenderCustom, h
}

func (r *Read) isDefaultSelect() bool {
	return len(r.Select) == 1 && r.Select[0].Field.Name == "*" && len(r.Children) == 0
}

// NotFound is 404 without a message, for OPTIONS on a table that does not exist.
func NotFound() *request.Error { return &request.Error{Status: http.StatusNotFound} }
