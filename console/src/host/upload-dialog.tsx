import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiProblem, call, read } from '../api/client.js';
import type { CertificateDocument, DryRun, HostDetail } from '../api/types.js';
import { Dialog } from '../parts/dialog.js';
import { CheckIcon, UploadIcon } from '../parts/icons.js';
import { Check, DryRunReport } from './dry-run-report.js';
import { type PemParts, sortPem } from './pem.js';
import { useWrite } from './use-write.js';
import { WriteFooter } from './write-footer.js';

interface UploadDialogProps {
  readonly detail: HostDetail;
  /** Dropped already. */
  readonly files: readonly File[];
  readonly onClose: () => void;
}

interface Target {
  readonly path: string;
  readonly method: 'POST' | 'PATCH';
}

const largestFile = 1024 * 1024;

/**
 * A certificate with its key for one host: dropped or chosen, checked by the control plane without
 * anything being kept, shown, and only then sent. The key is in this dialog's memory until it closes.
 */
export function UploadDialog({ detail, files, onClose }: UploadDialogProps) {
  const [parts, setParts] = useState<PemParts>({});
  const [isOver, setOver] = useState(false);
  const [checked, setChecked] = useState<DryRun | ApiProblem>();
  const [target, setTarget] = useState<Target>();
  const input = useRef<HTMLInputElement>(null);
  const { state, run } = useWrite();
  const { chain, key, problem } = parts;

  const take = async (taken: readonly File[]) => {
    const tooLarge = taken.find(({ size }) => size > largestFile);
    if (tooLarge !== undefined) {
      setParts({ ...parts, problem: `${tooLarge.name} is too large to be a certificate or a key` });
      return;
    }
    const found = sortPem(await Promise.all(taken.map((file) => file.text())));
    const { problem: _, ...before } = parts;
    setParts({ ...before, ...found });
  };
  useEffect(() => {
    if (files.length > 0) void take(files);
    void targetOf(detail).then(setTarget);
  }, []);
  useEffect(() => {
    setChecked(undefined);
    if (chain === undefined || key === undefined || target === undefined) return;
    let isWanted = true;
    call<DryRun>(`${target.path}?dry_run=true`, {
      method: target.method,
      body: bodyOf(chain, key),
    }).then(
      ({ body }) => isWanted && setChecked(body),
      (error: unknown) => isWanted && error instanceof ApiProblem && setChecked(error),
    );
    return () => {
      isWanted = false;
    };
  }, [chain, key, target]);

  const isReport = checked !== undefined && !(checked instanceof ApiProblem);
  const isSame = isReport && checked.accepted && checked.events.length === 0;
  const isDone = state.status === 'done';
  return (
    <Dialog
      title={detail.certificate === undefined ? 'Bind a certificate' : 'Replace the certificate'}
      onClose={onClose}
      isWide
    >
      <p>
        For <strong>{detail.host}</strong>. Nothing is sent for keeping before you have seen the
        checks.
      </p>
      {!isDone && (
        <button
          type="button"
          class={isOver ? 'drop over' : 'drop'}
          onClick={() => input.current?.click()}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            event.stopPropagation();
            setOver(false);
            void take([...(event.dataTransfer?.files ?? [])]);
          }}
        >
          <UploadIcon />
          <span>Drop the certificate chain and the key here, or press to choose</span>
          <span class="slots">
            <Slot label="Certificate chain" isThere={chain !== undefined} />
            <Slot label="Private key" isThere={key !== undefined} />
          </span>
        </button>
      )}
      <input
        ref={input}
        type="file"
        hidden
        multiple
        aria-label="Certificate chain and key"
        onChange={(event) => void take([...(event.currentTarget.files ?? [])])}
      />
      {problem !== undefined && (
        <ul class="checks">
          <Check tone="expired" text={problem} />
        </ul>
      )}
      {checked instanceof ApiProblem && (
        <ul class="checks" data-testid="dry-run">
          {faultsOf(checked).map((fault) => (
            <Check key={fault} tone="expired" text={fault} />
          ))}
        </ul>
      )}
      {isReport && !isDone && (
        <DryRunReport
          report={checked}
          certificates={certificatesIn(detail, checked)}
          accepted={
            isSame
              ? 'This is the certificate that is bound already'
              : 'The chain is in order and the key belongs to its leaf'
          }
        />
      )}
      <WriteFooter
        state={state}
        label={detail.certificate === undefined ? 'Bind' : 'Replace'}
        canRun={isReport && checked.accepted && !isSame}
        onRun={() => {
          if (chain === undefined || key === undefined || target === undefined) return;
          void run(target.path, target.method, bodyOf(chain, key));
        }}
        onClose={onClose}
      />
    </Dialog>
  );
}

function Slot({ label, isThere }: { readonly label: string; readonly isThere: boolean }) {
  return (
    <span class={isThere ? 'slot-sign there' : 'slot-sign'}>
      {isThere ? <CheckIcon /> : <span class="dot" />}
      {label}
    </span>
  );
}

/** The API's own plugin if it has one, even one that is switched off: there can be no second. */
async function targetOf({ api }: HostDetail): Promise<Target> {
  const path = `/apis/${api.id}/plugins`;
  const { data } = await read<{ readonly data: readonly { readonly id: string }[] }>(path);
  const [own] = data;
  return own === undefined
    ? { path, method: 'POST' }
    : { path: `${path}/${own.id}`, method: 'PATCH' };
}

function bodyOf(cert: string, key: string): object {
  return { name: 'ssl', enabled: true, config: { cert, key } };
}

/** One sentence a field, as Kong says it. */
function faultsOf({ body, message }: ApiProblem): readonly string[] {
  const sentences = Object.values(body).filter((each) => typeof each === 'string');
  return sentences.length > 0 ? sentences : [message];
}

function certificatesIn(
  { certificate }: HostDetail,
  { events }: DryRun,
): ReadonlyMap<string, CertificateDocument> {
  const uploaded = events.flatMap((event) =>
    event.type === 'CertUploaded' ? [event.data.certificate] : [],
  );
  const all = [...(certificate === undefined ? [] : [certificate]), ...uploaded];
  return new Map(all.map((each) => [each.id, each]));
}
