import type { Command, CreateLog, EraseKey, RecordServed } from './commands.js';
import { addApi, changeApi, deleteApi, replaceApi } from './decide-api.js';
import { bindCertificates } from './decide-bindings.js';
import { addPlugin, changePlugin, deletePlugin, replacePlugin } from './decide-plugin.js';
import { accept, type Decision, reject } from './decision.js';
import { rollback } from './rollback.js';
import type { GatewayState } from './state.js';

/**
 * What a command does to a state: the events to record, or why not. Pure, so it may be asked against a
 * fork or a state of the past. A command that changes nothing is accepted without events.
 */
export function decide(state: GatewayState, command: Command): Decision {
  switch (command.type) {
    case 'AddApi':
      return addApi(state, command);
    case 'ReplaceApi':
      return replaceApi(state, command);
    case 'ChangeApi':
      return changeApi(state, command);
    case 'DeleteApi':
      return deleteApi(state, command);
    case 'AddPlugin':
      return addPlugin(state, command);
    case 'ReplacePlugin':
      return replacePlugin(state, command);
    case 'ChangePlugin':
      return changePlugin(state, command);
    case 'DeletePlugin':
      return deletePlugin(state, command);
    case 'BindCertificates':
      return bindCertificates(state, command);
    case 'Rollback':
      return rollback(state, command);
    case 'CreateLog':
      return createLog(state, command);
    case 'EraseKey':
      return eraseKey(state, command);
    case 'AdmitNode':
      return state.nodes.has(command.node.id)
        ? accept()
        : accept({ type: 'NodeAdmitted', data: { node: command.node } });
    case 'RevokeNode':
      return state.nodes.has(command.nodeId)
        ? accept({ type: 'NodeRevoked', data: { nodeId: command.nodeId } })
        : accept();
    case 'RecordServed':
      return recordServed(state, command);
    default: {
      const unknown: never = command;
      return unknown;
    }
  }
}

function createLog(state: GatewayState, command: CreateLog): Decision {
  if (state.logId === command.logId) return accept();
  if (state.logId !== undefined) return reject({ code: 'log-already-created' });
  return accept({ type: 'LogCreated', data: { logId: command.logId } });
}

function recordServed(state: GatewayState, command: RecordServed): Decision {
  const { revision, rejections } = command;
  const nodeIds = command.nodeIds.filter((id) => state.nodes.has(id));
  if (nodeIds.length === 0) return accept();
  return accept({ type: 'RevisionServed', data: { revision, nodeIds, rejections } });
}

/** A certificate that is bound again meanwhile keeps its key. */
function eraseKey(state: GatewayState, { certificateId }: EraseKey): Decision {
  const unused = state.keysToErase.get(certificateId);
  if (unused === undefined) return accept();
  return accept({ type: 'KeyErased', data: { certificateId, keyId: unused.keyId } });
}
