# frozen_string_literal: true

class InvoicesController < ApplicationController
  def index
    @invoices = Invoice.newest_first.limit(100)
    respond_to do |format|
      format.html
      format.json { render json: @invoices }
    end
  end

  def show
    render json: Invoice.find(params[:id])
  end

  def create
    @invoice = Invoice.new(invoice_params)
    saved = @invoice.save
    respond_to do |format|
      format.html { redirect_to root_path, notice: saved ? "Saved." : @invoice.errors.full_messages.to_sentence }
      format.json { saved ? render(json: @invoice, status: :created) : render(json: @invoice.errors, status: :unprocessable_entity) }
    end
  end

  private

  def invoice_params
    params.require(:invoice).permit(:number, :customer, :amount_cents)
  end
end
