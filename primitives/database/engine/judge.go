package engine

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
)

// decides reports whether the result decides between commit and rollback.
func decides(p *planned) bool {
	if p.plan.Media.Media == request.Plan {
		return false
	}
	m := p.plan.Mutation
	switch {
	case p.plan.ReadOnly:
		return false
	case p.plan.Singular():
		return true
	case p.request.Prefer.HasMaxAffected && p.request.Prefer.Strict():
		return true
	}
	return m != nil && (m.Put || !m.Range.IsAll())
}

// judge applies the conditions on the number of rows. Its error makes the
// transaction roll back.
func judge(p *planned, rows int64) error {
	if p.plan.Media.Media == request.Plan {
		return nil
	}
	prefer, m := &p.request.Prefer, p.plan.Mutation
	if m != nil && m.Put && rows != 1 {
		return request.NewError(http.StatusBadRequest, "PGRST115", "Payload values do not match URL in primary key column(s)")
	}
	if p.plan.Singular() && rows != 1 && (m == nil || !m.Put) {
		return request.NewError(http.StatusNotAcceptable, "PGRST116", "JSON object requested, multiple (or no) rows returned").
			WithDetails("The result contains " + strconv.FormatInt(rows, 10) + " rows")
	}
	if p.request.Kind == request.Create || p.request.Kind == request.Read {
		return nil
	}
	if prefer.HasMaxAffected && prefer.Strict() && rows > prefer.MaxAffected {
		return request.NewError(http.StatusBadRequest, "PGRST124", "Query result exceeds max-affected preference constraint").
			WithDetails("The query affects " + strconv.FormatInt(rows, 10) + " rows")
	}
	if m == nil || m.Kind == plan.Insert {
		return nil
	}
	if most, limited := m.Range.Limit(); limited && rows > most {
		return request.NewError(http.StatusBadRequest, "PGRST110", "The maximum number of rows allowed to change was surpassed").
			WithDetails(fmt.Sprintf("Results contain %d rows changed but the maximum number allowed is %d", rows, most))
	}
	return nil
}
