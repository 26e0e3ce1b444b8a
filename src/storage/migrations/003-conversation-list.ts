/**
 * Conversations are listed from the index alone: their states are long, and a list needs none of what was said. The summary
 * of one that has not changed since before this version is null.
 */
export const CONVERSATION_LIST = `
ALTER TABLE conversations ADD COLUMN summary TEXT;
DROP INDEX conversations_by_time;
CREATE INDEX conversations_by_time ON conversations (changed_at, id, principal, summary);
`;
