/** @param {string} columnName @param {string} type @param {Partial<import('./server.mjs').Column>} [more] */
const column = (columnName, type, more = {}) => ({ columnName, type, isNullable: true, isUnique: false, ...more })

/** Adds the tables of a small blog. @param {import('./server.mjs').Mock} mock */
export function fill(mock) {
  const author = column('user_id', 'uuid', { isNullable: false })
  const toUsers = {
    constraintName: 'fk_user_id_auth_users_id',
    referenceTable: 'auth.users',
    referenceColumns: [{ sourceColumn: 'user_id', referenceColumn: 'id' }],
    onDelete: 'CASCADE',
    onUpdate: 'NO ACTION',
  }
  mock.addTable('posts', [author, column('title', 'string', { isNullable: false }), column('slug', 'string', { isUnique: true }), column('body', 'string'), column('published', 'boolean', { isNullable: false, defaultValue: 'false' })], 1284, [toUsers])
  mock.addTable('comments', [author, column('post_id', 'uuid', { isNullable: false }), column('body', 'string', { isNullable: false })], 18406, [toUsers])
  mock.addTable('profiles', [author, column('display_name', 'string'), column('avatar', 'json')], 312, [toUsers])
  mock.addTable('tags', [column('label', 'string', { isNullable: false, isUnique: true })], 24)
  mock.addTable('post_tags', [column('post_id', 'uuid'), column('tag_id', 'uuid')], 2951)
}
