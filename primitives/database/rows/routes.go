package rows

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	defaultLimit = 50
	maxLimit     = 500
	// maxOffset is the largest integer that JavaScript represents exactly.
	maxOffset = 1 << 53
)

// Mount registers the routes; r is at /api/database.
func (s *Service) Mount(r rest.Router) {
	r.GET("/admin/tables/:tableName/records", rest.Admin, s.handleList)
	r.GET("/admin/tables/:tableName/records/lookup", rest.Admin, s.handleLookup)
	r.POST("/admin/tables/:tableName/records", rest.Admin, s.handleInsert)
	r.PATCH("/admin/tables/:tableName/records", rest.Admin, s.handleUpdate)
	r.DELETE("/admin/tables/:tableName/records", rest.Admin, s.handleDelete)
}

// handleList serves "GET /api/database/admin/tables/:tableName/records".
func (s *Service) handleList(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	q, err := readQuery(c.QueryParams())
	if err != nil {
		return err
	}
	page, err := s.List(c.Request().Context(), t, q)
	if err != nil {
		return err
	}
	last := min(q.Offset+int64(len(page.Records)), page.Total) - 1
	h := c.Response().Header()
	h.Set("Content-Range", fmt.Sprintf("%d-%d/%d", q.Offset, last, page.Total))
	h.Set("Preference-Applied", "count=exact")
	status := http.StatusOK
	if int64(len(page.Records)) < page.Total {
		status = http.StatusPartialContent
	}
	return c.JSON(status, page.Records)
}

// handleLookup serves "GET /api/database/admin/tables/:tableName/records/lookup".
func (s *Service) handleLookup(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	columns, values := c.QueryParams()["column"], c.QueryParams()["value"]
	if len(columns) == 0 || len(columns) != len(values) {
		return fault.Invalid("Query parameters column and value must be given in pairs.")
	}
	filters := make([]Filter, len(columns))
	for i := range columns {
		filters[i] = Filter{Column: columns[i], Value: values[i]}
	}
	record, err := s.Lookup(c.Request().Context(), t, filters)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, record)
}

// handleInsert serves "POST /api/database/admin/tables/:tableName/records".
func (s *Service) handleInsert(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	rows, err := readRows(c)
	if err != nil {
		return err
	}
	records, err := s.Insert(c.Request().Context(), t, rows)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, records)
}

// handleUpdate serves "PATCH /api/database/admin/tables/:tableName/records".
func (s *Service) handleUpdate(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	key, data := readValues(f, "pkKeys"), readValues(f, "data")
	if err := f.Err(); err != nil {
		return err
	}
	record, err := s.Update(c.Request().Context(), t, key, data)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, record)
}

// handleDelete serves "DELETE /api/database/admin/tables/:tableName/records".
func (s *Service) handleDelete(c rest.Context) error {
	t, err := naming.TableOf(c)
	if err != nil {
		return err
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	if !f.Has("pkKeys") {
		f.Complain("pkKeys", "Required")
		return f.Err()
	}
	keys, err := readList(f.Raw("pkKeys"), "pkKeys")
	if err != nil {
		return err
	}
	deleted, err := s.Delete(c.Request().Context(), t, keys)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]int64{"deletedCount": deleted})
}

// readQuery reads the parameters of a list, or returns 400 INVALID_INPUT.
func readQuery(p url.Values) (q Query, err error) {
	if q.Limit, err = readNumber(p, "limit", defaultLimit, 1, maxLimit); err != nil {
		return q, err
	}
	if q.Offset, err = readNumber(p, "offset", 0, 0, maxOffset); err != nil {
		return q, err
	}
	q.Search = p.Get("search")
	if q.Sort, err = readSort(p.Get("sort")); err != nil {
		return q, err
	}
	if p.Has("filterColumn") != p.Has("filterValue") {
		return q, fault.Invalid("filterColumn and filterValue must be given together.")
	}
	if p.Has("filterColumn") {
		q.Filter = &Filter{Column: p.Get("filterColumn"), Value: p.Get("filterValue")}
	}
	return q, nil
}

func readNumber(p url.Values, name string, fallback, least, most int64) (int64, error) {
	s := p.Get(name)
	if s == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fault.Invalid(fmt.Sprintf("%s: must be an integer from %d to %d", name, least, most))
	}
	return n, nil
}

// readSort reads "column", "column:asc" and "column:desc", separated by commas.
func readSort(s string) (orders []Order, err error) {
	if s == "" {
		return nil, nil
	}
	for clause := range strings.SplitSeq(s, ",") {
		o := Order{Column: strings.TrimSpace(clause)}
		if at := strings.LastIndexByte(o.Column, ':'); at >= 0 {
			direction := strings.ToLower(o.Column[at+1:])
			if direction != "asc" && direction != "desc" {
				return nil, badSort(clause)
			}
			o.Column, o.Descending = o.Column[:at], direction == "desc"
		}
		if o.Column == "" {
			return nil, badSort(clause)
		}
		orders = append(orders, o)
	}
	return orders, nil
}

func badSort(clause string) *fault.Error {
	return fault.Invalid(fmt.Sprintf("sort: %q is not a sort clause", clause)).
		Next("Write column:asc or column:desc, several separated by commas.")
}

// readValues reads a required object.
func readValues(f *rest.Fields, name string) Values {
	if !f.Has(name) {
		f.Complain(name, "Required")
		return nil
	}
	if _, ok := f.Object(name); !ok {
		return nil
	}
	var v Values
	_ = json.Unmarshal(f.Raw(name), &v) // Object has read it
	return v
}
