package auth

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const defaultPageSize = 10

// userIDParam returns the path parameter, or 400 INVALID_INPUT.
func userIDParam(c rest.Context) (uuid.UUID, error) {
	text := rest.Param(c, "userId")
	if complaint := rest.UUID(text); complaint != "" {
		return uuid.UUID{}, fault.Invalid("userId: " + complaint).Next("Use the id of a user, a UUID.")
	}
	return uuid.Parse(text)
}

// handleProfile serves "GET /api/auth/profiles/:userId".
func (s *Service) handleProfile(c rest.Context) error {
	id, err := userIDParam(c)
	if err != nil {
		return err
	}
	user, err := s.User(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, Profile{ID: user.ID, Profile: user.Profile})
}

// handleUpdateProfile serves "PATCH /api/auth/profiles/current".
func (s *Service) handleUpdateProfile(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	if _, ok := f.Object("profile"); !ok && !f.Has("profile") {
		f.Complain("profile", "Required")
	}
	if err := f.Err(); err != nil {
		return err
	}
	profile, err := s.UpdateProfile(c.Request().Context(), f.Raw("profile"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, profile)
}

// handleUser serves "GET /api/auth/users/:userId".
func (s *Service) handleUser(c rest.Context) error {
	id, err := userIDParam(c)
	if err != nil {
		return err
	}
	user, err := s.User(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, user)
}

type pagination struct {
	Offset int `json:"offset"`
	Limit  int `json:"limit"`
	Total  int `json:"total"`
}

type userList struct {
	Data       []User     `json:"data"`
	Pagination pagination `json:"pagination"`
}

// handleListUsers serves "GET /api/auth/users".
func (s *Service) handleListUsers(c rest.Context) error {
	page := Page{
		Search: c.QueryParam("search"),
		Offset: max(0, intParam(c, "offset", 0)),
		Limit:  max(1, intParam(c, "limit", defaultPageSize)),
	}
	if !utf8.ValidString(page.Search) || strings.ContainsRune(page.Search, 0) {
		return fault.Invalid("search: must be UTF-8 text without NUL characters").Next("Send another text to search for.")
	}
	users, total, err := s.Users(c.Request().Context(), page)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, userList{
		Data:       users,
		Pagination: pagination{Offset: page.Offset, Limit: page.Limit, Total: total},
	})
}

// intParam returns a query parameter, or fallback when it is no number.
func intParam(c rest.Context, name string, fallback int) int {
	n, err := strconv.Atoi(c.QueryParam(name))
	if err != nil {
		return fallback
	}
	return n
}

// handleDeleteUsers serves "DELETE /api/auth/users".
func (s *Service) handleDeleteUsers(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	f.RequireElements("userIds", 1)
	texts := f.Strings("userIds", rest.UUID)
	if err := f.Err(); err != nil {
		return err
	}
	ids := make([]uuid.UUID, 0, len(texts))
	for _, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return fault.Invalid("userIds: Invalid uuid")
		}
		ids = append(ids, id)
	}
	deleted, err := s.DeleteUsers(c.Request().Context(), ids)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"message": "Users deleted successfully", "deletedCount": deleted})
}
