import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { AppendOutcome, AppendRequest, NumberedRecord } from './eventstore-double-streams.js';

/** Between EventStoreDB's protocol messages and the double's own terms. */
export const messages = {
  streamOf(identifier: sharedPb.StreamIdentifier | undefined): string {
    if (identifier === undefined) throw new TypeError('a call without a stream');
    return Buffer.from(identifier.getStreamName_asU8()).toString('utf8');
  },

  toAppend(requests: readonly streamsPb.AppendReq[]): AppendRequest {
    const [header, ...proposals] = requests;
    const options = header?.getOptions();
    if (options === undefined) throw new TypeError('an append without options');
    return {
      stream: messages.streamOf(options.getStreamIdentifier()),
      expected: options.hasAny()
        ? 'any'
        : options.hasNoStream()
          ? -1
          : Number(options.getRevision()),
      events: proposals.map((request) => {
        const proposal = request.getProposedMessage();
        if (proposal === undefined) throw new TypeError('an append without its event');
        return {
          id: proposal.getId()?.getString() ?? '',
          type: proposal.getMetadataMap().get('type') ?? '',
          contentType: proposal.getMetadataMap().get('content-type') ?? '',
          data: proposal.getData_asU8(),
          metadata: proposal.getCustomMetadata_asU8(),
        };
      }),
    };
  },

  appendResponse(outcome: AppendOutcome, expected: number | 'any'): streamsPb.AppendResp {
    const response = new streamsPb.AppendResp();
    if ('last' in outcome) {
      const success = new streamsPb.AppendResp.Success();
      success.setCurrentRevision(String(outcome.last));
      success.setNoPosition(new sharedPb.Empty());
      return response.setSuccess(success);
    }
    const wrong = new streamsPb.AppendResp.WrongExpectedVersion();
    if (outcome.conflict < 0) wrong.setCurrentNoStream(new sharedPb.Empty());
    else wrong.setCurrentRevision(String(outcome.conflict));
    if (expected === 'any') wrong.setExpectedAny(new sharedPb.Empty());
    else if (expected < 0) wrong.setExpectedNoStream(new sharedPb.Empty());
    else wrong.setExpectedRevision(String(expected));
    return response.setWrongExpectedVersion(wrong);
  },

  toRead(request: streamsPb.ReadReq) {
    const options = request.getOptions();
    const where = options?.getStream();
    if (options === undefined || where === undefined) throw new TypeError('a read of no stream');
    const isSubscription = options.hasSubscription();
    // A subscription begins after the revision it names, a read at it.
    const offset = isSubscription ? 1 : 0;
    const from: number | 'end' = where.hasEnd()
      ? 'end'
      : where.hasRevision()
        ? Number(where.getRevision()) + offset
        : 0;
    return {
      stream: messages.streamOf(where.getStreamIdentifier()),
      from,
      count: isSubscription ? Number.MAX_SAFE_INTEGER : Number(options.getCount()),
      isBackwards: options.getReadDirection() === 1,
      isSubscription,
    };
  },

  readEvent(stream: string, event: NumberedRecord): streamsPb.ReadResp {
    const recorded = new streamsPb.ReadResp.ReadEvent.RecordedEvent();
    recorded.setId(new sharedPb.UUID().setString(event.id));
    recorded.setStreamIdentifier(identifier(stream));
    recorded.setStreamRevision(String(event.revision));
    recorded.setPreparePosition('0').setCommitPosition('0');
    recorded.getMetadataMap().set('type', event.type);
    recorded.getMetadataMap().set('content-type', event.contentType);
    recorded.getMetadataMap().set('created', '17700000000000000');
    recorded.setData(event.data).setCustomMetadata(event.metadata);
    const read = new streamsPb.ReadResp.ReadEvent();
    read.setEvent(recorded).setNoPosition(new sharedPb.Empty());
    return new streamsPb.ReadResp().setEvent(read);
  },

  notFound(stream: string): streamsPb.ReadResp {
    const notFound = new streamsPb.ReadResp.StreamNotFound();
    return new streamsPb.ReadResp().setStreamNotFound(
      notFound.setStreamIdentifier(identifier(stream)),
    );
  },

  confirmation(): streamsPb.ReadResp {
    const confirmation = new streamsPb.ReadResp.SubscriptionConfirmation();
    return new streamsPb.ReadResp().setConfirmation(confirmation.setSubscriptionId('double'));
  },

  caughtUp(): streamsPb.ReadResp {
    return new streamsPb.ReadResp().setCaughtUp(new streamsPb.ReadResp.CaughtUp());
  },
};

function identifier(stream: string): sharedPb.StreamIdentifier {
  return new sharedPb.StreamIdentifier().setStreamName(Buffer.from(stream, 'utf8'));
}
