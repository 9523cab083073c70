package engine

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

// incoming is a request as it came in, and who sent it.
type incoming struct {
	http   *http.Request
	target Target
	caller Caller
}

// BodyError is the error of Serve for a body that a JSONOnly target refuses.
type BodyError struct{ Body []byte }

// Error implements error.
func (*BodyError) Error() string { return request.ErrNoDocument.Error() }

// Serve answers r. Failures that PostgREST knows are written in its shape.
// Anything else is returned, and nothing was written then.
func (e *Engine) Serve(w http.ResponseWriter, r *http.Request, t Target) error {
	in := incoming{http: r, target: t}
	if t.As != nil {
		in.caller = *t.As
	} else {
		p := identity.From(r.Context())
		in.caller = Caller{Role: string(p.Role()), Claims: p.Claims}
	}
	clock := timing{on: e.options.ServerTiming, last: time.Now(), jwt: t.JWTDuration}
	err := e.serve(r.Context(), w, &in, &clock)
	if err == nil {
		return nil
	}
	var tooLarge *http.MaxBytesError
	var noDocument *BodyError
	if errors.As(err, &tooLarge) || errors.As(err, &noDocument) || r.Context().Err() != nil {
		return err
	}
	failure := respond.Translate(err, in.caller.Role != e.options.AnonRole)
	if failure.Status >= http.StatusInternalServerError {
		e.log.Error().Err(err).Str("request_id", identity.CallFrom(r.Context()).RequestID).
			Str("code", failure.Code).Msg("a statement failed")
	}
	clock.write(w)
	e.options.Errors.Error(w, r, failure)
	return nil
}

// serve leads a request through the stages.
func (e *Engine) serve(ctx context.Context, w http.ResponseWriter, in *incoming, clock *timing) error {
	snapshot, err := e.snapshot(ctx)
	if err != nil {
		return err
	}
	a, err := e.parse(in, snapshot)
	if err != nil {
		return err
	}
	clock.mark(&clock.parse)
	switch a.request.Kind {
	case request.Info:
		return e.info(w, &a, clock)
	case request.Inspect:
		return e.inspect(ctx, w, in, &a, clock)
	}
	p, err := e.build(ctx, &a)
	if err != nil {
		return err
	}
	clock.mark(&clock.plan)
	result, err := e.execute(ctx, in, &p)
	if result != nil && result.Body != nil {
		defer result.Body.Close()
	}
	if err != nil {
		return err
	}
	clock.mark(&clock.transaction)
	return e.answer(w, in, &p, result, clock)
}

func (e *Engine) answer(w http.ResponseWriter, in *incoming, p *planned, result *respond.Result, clock *timing) error {
	t := &in.target
	if result.Body == nil && t.EmptyBody != "" {
		result.Body = e.buffers.New(e.options.TempDir, e.options.MaxResultBytes)
		if err := result.Body.Text(t.EmptyBody); err != nil {
			return err
		}
	}
	if t.OKWithoutRows && p.request.Kind == request.Create && result.Rows == 0 && result.Status == "" {
		result.Status = strconv.Itoa(http.StatusOK)
	}
	clock.mark(&clock.response)
	clock.write(w)
	if err := e.options.Errors.Write(w, p.request, p.plan, result); err != nil {
		return err
	}
	if t.OnSuccess != nil {
		t.OnSuccess(Done{p.request.Kind, p.request.Schema, p.request.Target.Name})
	}
	return nil
}
