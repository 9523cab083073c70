package tables

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxNameLetters is the contract's bound on names, in UTF-16 code units.
const maxNameLetters = 64

// maxElements bounds every list of a request. It is also how many columns a
// table of Postgres can have.
const maxElements = 1600

// Mount registers the routes; r is at /api/database.
func (s *Service) Mount(r rest.Router) {
	r.GET("/tables", rest.Admin, s.handleList)
	r.POST("/tables", rest.Admin, s.handleCreate)
	r.GET("/tables/:tableName/schema", rest.Admin, s.handleDescribe)
	r.PATCH("/tables/:tableName/schema", rest.Admin, s.handleAlter)
	r.DELETE("/tables/:tableName", rest.Admin, s.handleDrop)
}

// handleList serves "GET /api/database/tables".
func (s *Service) handleList(c rest.Context) error {
	schema, err := naming.SchemaOf(c)
	if err != nil {
		return err
	}
	names, err := s.List(c.Request().Context(), schema)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, names)
}

type createdColumn struct {
	Column
	SQLType string `json:"sqlType"`
}

type created struct {
	Schema      Name            `json:"schemaName"`
	Message     string          `json:"message"`
	Table       Name            `json:"tableName"`
	Columns     []createdColumn `json:"columns"`
	AutoFields  []Name          `json:"autoFields"`
	NextActions string          `json:"nextActions"`
}

// handleCreate serves "POST /api/database/tables".
func (s *Service) handleCreate(c rest.Context) error {
	schema, err := naming.SchemaOf(c)
	if err != nil {
		return err
	}
	spec, err := readSpec(c, schema)
	if err != nil {
		return err
	}
	columns, err := s.Create(c.Request().Context(), spec)
	if err != nil {
		return err
	}
	answer := created{
		Schema: schema, Message: "table created successfully", Table: spec.Table.Name,
		Columns: make([]createdColumn, len(columns)), AutoFields: automaticNames(),
		NextActions: "Row-level security is on and no policy exists yet: create policies so that users can read and write rows.",
	}
	if !spec.RowSecurity {
		answer.NextActions = "Row-level security is off: anyone with the anon key can read and write all rows. Enable it and create policies to limit access."
	}
	for i, column := range columns {
		answer.Columns[i].Column = column
		answer.Columns[i].SQLType, _ = column.Type.SQL()
	}
	return c.JSON(http.StatusCreated, answer)
}

// handleDescribe serves "GET /api/database/tables/:tableName/schema".
func (s *Service) handleDescribe(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	d, err := s.Describe(c.Request().Context(), t)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, d)
}

type altered struct {
	Schema     Name     `json:"schemaName"`
	Message    string   `json:"message"`
	Table      Name     `json:"tableName"`
	Operations []string `json:"operations"`
}

// handleAlter serves "PATCH /api/database/tables/:tableName/schema".
func (s *Service) handleAlter(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	changes, err := readChanges(c)
	if err != nil {
		return err
	}
	operations, err := s.Alter(c.Request().Context(), t, changes)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, altered{
		Schema: t.Schema, Message: "table schema updated successfully", Table: t.Name, Operations: operations,
	})
}

type dropped struct {
	Schema      Name   `json:"schemaName"`
	Message     string `json:"message"`
	Table       Name   `json:"tableName"`
	NextActions string `json:"nextActions"`
}

// handleDrop serves "DELETE /api/database/tables/:tableName".
func (s *Service) handleDrop(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	if err := s.Drop(c.Request().Context(), t); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, dropped{
		Schema: t.Schema, Message: "table deleted successfully", Table: t.Name,
		NextActions: "Foreign keys and views that depended on the table are gone as well; check what used them.",
	})
}

// form reads a body: its fields complain about shape, and bad is the first
// value of the right shape that Postgres cannot hold.
type form struct {
	*rest.Fields
	bad error
}

func readForm(c rest.Context) (*form, error) {
	f, err := rest.Body(c)
	return &form{Fields: f}, err
}

func (f *form) err() error {
	if err := f.Err(); err != nil {
		return err
	}
	return f.bad
}

func (f *form) spoil(err error) {
	if f.bad == nil {
		f.bad = err
	}
}

func readSpec(c rest.Context, schema Name) (Spec, error) {
	f, err := readForm(c)
	if err != nil {
		return Spec{}, err
	}
	spec := Spec{Table: Table{Schema: schema, Name: f.name(f.Fields, "tableName")}, RowSecurity: true}
	f.RequireElements("columns", 1)
	spec.Columns = f.columns("columns")
	spec.ForeignKeys = f.foreignKeys("foreignKeys")
	if on := f.OptBool("rlsEnabled"); on != nil {
		spec.RowSecurity = *on
	}
	return spec, f.err()
}

func readChanges(c rest.Context) (Changes, error) {
	f, err := readForm(c)
	if err != nil {
		return Changes{}, err
	}
	var ch Changes
	f.bounded("dropForeignKeys")
	for _, name := range f.Strings("dropForeignKeys") {
		ch.DropForeignKeys = append(ch.DropForeignKeys, Name(name)) // looked up, never taken on trust
	}
	f.bounded("dropColumns")
	for _, name := range f.Strings("dropColumns") {
		ch.DropColumns = append(ch.DropColumns, f.checked("dropColumns", name))
	}
	f.bounded("updateColumns")
	f.Objects("updateColumns", func(o *rest.Fields) {
		u := ColumnUpdate{Name: f.name(o, "columnName"), Default: o.OptString("defaultValue", rest.NoNUL)}
		if o.Has("newColumnName") {
			u.NewName = f.name(o, "newColumnName")
		}
		ch.UpdateColumns = append(ch.UpdateColumns, u)
	})
	ch.AddColumns = f.columns("addColumns")
	ch.AddForeignKeys = f.foreignKeys("addForeignKeys")
	if o, ok := f.Object("renameTable"); ok {
		ch.RenameTable = &Renaming{Name: f.name(o, "newTableName")}
	}
	return ch, f.err()
}

func (f *form) columns(field string) (columns []Column) {
	f.bounded(field)
	f.Objects(field, func(o *rest.Fields) {
		o.OptBool("isPrimaryKey") // accepted; the key is always id
		columns = append(columns, Column{
			Name:     f.name(o, "columnName"),
			Type:     Type(o.Enum("type", typeNames()...)),
			Nullable: o.Bool("isNullable"),
			Unique:   o.Bool("isUnique"),
			Default:  o.OptString("defaultValue", rest.NoNUL),
		})
	})
	return columns
}

func (f *form) foreignKeys(field string) (keys []ForeignKey) {
	f.bounded(field)
	f.Objects(field, func(o *rest.Fields) {
		k := ForeignKey{Table: o.String("referenceTable", rest.MinLength(1))}
		var err error
		if k.target, err = parseReference(k.Table); err != nil {
			f.spoil(err)
		}
		o.RequireElements("referenceColumns", 1)
		o.Objects("referenceColumns", func(o *rest.Fields) {
			k.Columns = append(k.Columns, ColumnPair{
				Source: f.name(o, "sourceColumn"), Target: f.name(o, "referenceColumn"),
			})
		})
		k.OnDelete = Action(o.Enum("onDelete", actionNames()...))
		k.OnUpdate = Action(o.Enum("onUpdate", actionNames()...))
		keys = append(keys, k)
	})
	return keys
}

func (f *form) name(o *rest.Fields, field string) Name {
	return f.checked(field, o.String(field, rest.MinLength(1), rest.MaxLength(maxNameLetters)))
}

func (f *form) checked(field, s string) Name {
	name, err := naming.Parse(field, s)
	if err != nil {
		f.spoil(err)
	}
	return name
}

func (f *form) bounded(field string) {
	var elements []json.RawMessage
	if json.Unmarshal(f.Raw(field), &elements) == nil && len(elements) > maxElements {
		f.Complain(field, fmt.Sprintf("Array must contain at most %d element(s)", maxElements))
	}
}
