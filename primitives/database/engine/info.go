package engine

import (
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// info answers OPTIONS with the methods that the target supports.
func (e *Engine) info(w http.ResponseWriter, a *asked, clock *timing) error {
	allow := "OPTIONS,GET,HEAD"
	switch a.request.Target.Kind {
	case request.Function:
		f, err := plan.Function(a.request, a.snapshot)
		if err != nil {
			return err
		}
		if allow = "OPTIONS,GET,HEAD,POST"; !f.ReadOnly() {
			allow = "OPTIONS,POST"
		}
	case request.Table:
		name := schema.Name{Schema: a.request.Schema, Name: a.request.Target.Name}
		t := a.snapshot.Table(name)
		switch {
		case t == nil && e.options.TableNotFound:
			return plan.TableNotFound(a.snapshot, name)
		case t == nil:
			return plan.NotFound()
		}
		allow += tableMethods(t)
	}
	clock.mark(&clock.response)
	clock.write(w)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Allow", allow)
	w.WriteHeader(http.StatusOK)
	return nil
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
