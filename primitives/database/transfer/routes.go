package transfer

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// Bounds of an export request.
const (
	defaultRowLimit = 1000
	maxRowLimit     = 10_000
)

// formOverhead is what a form may hold beside its file.
const formOverhead = 1 << 20

// Mount registers the routes; r is at /api/database.
func (s *Service) Mount(r rest.Router) {
	advance := r.Group("/advance")
	advance.POST("/export", rest.Admin, s.handleExport)
	files := advance.Uploads(s.deps.MaxImportBytes + formOverhead)
	files.POST("/import", rest.Admin, s.handleImport)
	files.POST("/bulk-upsert", rest.Admin, s.handleUpsert)
}

// handleExport serves "POST /api/database/advance/export".
func (s *Service) handleExport(c rest.Context) error {
	o, err := readOptions(c)
	if err != nil {
		return err
	}
	body, err := s.Export(c.Request().Context(), o)
	if err != nil {
		return err
	}
	defer body.Close()
	h := c.Response().Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h.Set("Content-Length", strconv.FormatInt(body.Len(), 10))
	c.Response().WriteHeader(http.StatusOK)
	_, err = body.WriteTo(c.Response())
	return err
}

func readOptions(c rest.Context) (Options, error) {
	f, err := rest.Body(c)
	if err != nil {
		return Options{}, err
	}
	flag := func(name string, fallback bool) bool {
		if v := f.OptBool(name); v != nil {
			return *v
		}
		return fallback
	}
	o := Options{
		Tables:    f.Strings("tables"),
		Format:    SQL,
		Data:      flag("includeData", true),
		Functions: flag("includeFunctions", false),
		Sequences: flag("includeSequences", false),
		Views:     flag("includeViews", false),
		RowLimit:  defaultRowLimit,
	}
	if f.Has("format") {
		o.Format = Format(f.Enum("format", string(SQL), string(JSON)))
	}
	if n := f.OptInt("rowLimit", 1, maxRowLimit); n != nil {
		o.RowLimit = *n
	}
	return o, f.Err()
}

type imported struct {
	Success  bool     `json:"success"`
	Message  string   `json:"message"`
	Filename string   `json:"filename"`
	Tables   []string `json:"tables"`
	Rows     int64    `json:"rowsImported"`
	FileSize int64    `json:"fileSize"`
	// Skipped lists what was passed over, SkippedTotal counts all of it.
	Skipped      []Skip `json:"skipped,omitempty"`
	SkippedTotal int    `json:"skippedTotal,omitempty"`
}

// handleImport serves "POST /api/database/advance/import".
func (s *Service) handleImport(c rest.Context) error {
	u, err := s.receive(c, ".sql", ".txt")
	if err != nil {
		return err
	}
	defer u.Close()
	truncate := u.fields["truncate"] == "true"
	if text, ok := u.fields["truncate"]; ok && !truncate && text != "false" {
		return fault.Invalid("truncate: Expected 'true' or 'false'")
	}
	done, err := s.Import(c.Request().Context(), u.file, u.size, u.name, truncate)
	if err != nil {
		return err
	}
	message := "SQL file imported successfully: " + count(done.Rows, "row")
	switch n := done.Skipped.Statements; n {
	case 0:
	case 1:
		message += "; 1 statement about the server was skipped"
	default:
		message += fmt.Sprintf("; %d statements about owners, settings and other server matters were skipped", n)
	}
	return c.JSON(http.StatusOK, imported{
		Success: true, Message: message, Filename: u.name, Tables: done.Tables, Rows: done.Rows, FileSize: u.size,
		Skipped: done.Skipped.First, SkippedTotal: done.Skipped.Statements + done.Skipped.Lines,
	})
}

type upserted struct {
	Success  bool        `json:"success"`
	Message  string      `json:"message"`
	Table    naming.Name `json:"table"`
	Affected int64       `json:"rowsAffected"`
	Total    int64       `json:"totalRecords"`
	Filename string      `json:"filename"`
}

// handleUpsert serves "POST /api/database/advance/bulk-upsert".
func (s *Service) handleUpsert(c rest.Context) error {
	u, err := s.receive(c, ".csv", ".json")
	if err != nil {
		return err
	}
	defer u.Close()
	wanted, err := readUpsert(u)
	if err != nil {
		return err
	}
	from := textStart(u.file)
	done, err := s.Upsert(c.Request().Context(), io.NewSectionReader(u.file, from, u.size-from), wanted)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, upserted{
		Success: true, Message: strings.Join(append([]string{fmt.Sprintf("%d of %d records were written", done.Affected, done.Total)}, done.Behind...), "; "),
		Table: wanted.Table.Name, Affected: done.Affected, Total: done.Total, Filename: u.name,
	})
}

func readUpsert(u *upload) (wanted Upsert, err error) {
	wanted = Upsert{Filename: u.name, Size: u.size, Table: naming.Table{Schema: naming.Public}}
	if u.fields["table"] == "" {
		return wanted, fault.Invalid("table: Required").Next("Name the table in the field \"table\".")
	}
	if wanted.Table.Name, err = naming.Parse("table", u.fields["table"]); err != nil {
		return wanted, err
	}
	if text := u.fields["schema"]; text != "" {
		if wanted.Table.Schema, err = naming.Parse("schema", text); err != nil {
			return wanted, err
		}
		if strings.HasPrefix(text, "pg_") || text == "information_schema" {
			return wanted, fault.Invalid("Schema " + text + " belongs to PostgreSQL and is not available.")
		}
	}
	if text := u.fields["upsertKey"]; text != "" {
		wanted.Key, err = naming.Parse("upsertKey", text)
	}
	return wanted, err
}
